-- wrk as readers who look at one thing after another: the paths of a file, in turn.
--    wrk -s paths.lua URL -- FILE_OF_PATHS
function init(arguments)
  requests, count = {}, 0
  for path in io.lines(arguments[1]) do requests[#requests + 1] = wrk.format("GET", path) end
end

function request()
  count = count + 1
  return requests[1 + count % #requests]
end
