-- The mix of the load lab, for wrk: 80 % one product, 10 % a page of fifty, 10 % a reservation of one unit.
-- docs/load-testing.md shows it at work.
--
--   wrk -t1 -c64 -d30s --latency -s tests/load/mix.lua http://127.0.0.1:8000 -- TOKENS [SKUS]
--
-- TOKENS is a file of access tokens, one a line; SKUS says how many products of `make seed` are asked for, 1,000 unless it is given.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(args)
  tokens, skus, sent = {}, tonumber(args[2]) or 1000, 0
  for token in io.lines(args[1]) do table.insert(tokens, token) end
  math.randomseed(os.time() + number)
  -- Of this thread and this start alone: a key that was used before would only get the old answer again.
  key = string.format("%d-%d-", os.time(), number)
end

function request()
  sent = sent + 1
  local headers = { Authorization = "Bearer " .. tokens[sent % #tokens + 1] }
  local product = math.random(skus)
  if product % 50 == 0 then product = product + 1 end -- every fiftieth is archived: it can be read and not bought
  local sku = string.format("BULK-%07d", product)
  local dice = math.random(10)
  if dice == 1 then
    headers["Idempotency-Key"] = key .. sent
    headers["Content-Type"] = "application/json"
    return wrk.format("POST", "/v1/reservations", headers, '{"lines": [{"sku": "' .. sku .. '", "quantity": 1}]}')
  end
  return wrk.format("GET", dice == 2 and "/v1/products?limit=50" or "/v1/products/" .. sku, headers)
end

function response(status)
  local name = "status_" .. status
  _G[name] = (_G[name] or 0) + 1
end

function done()
  for _, status in ipairs({ 200, 201, 401, 409, 422, 429, 500, 503 }) do
    local count = 0
    for _, thread in ipairs(threads) do count = count + (thread:get("status_" .. status) or 0) end
    if count > 0 then print(string.format("  %d  %d times", status, count)) end
  end
end
