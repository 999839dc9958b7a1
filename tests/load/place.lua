-- wrk places orders of one unit: each of the next customer, with a key of its own, of one of the skus named.
--    wrk -s place.lua URL -- PREFIX_OF_KEYS FILE_OF_TOKENS SKU...
function init(arguments)
  prefix, skus, tokens, count = arguments[1], {}, {}, 0
  for token in io.lines(arguments[2]) do tokens[#tokens + 1] = "Bearer " .. token end
  for n = 3, #arguments do skus[#skus + 1] = '{"lines":[{"sku":"' .. arguments[n] .. '","quantity":1,"warehouse":"AMS"}]}' end
  headers = { ["Content-Type"] = "application/json" }
end

function request()
  count = count + 1
  headers["Authorization"] = tokens[1 + count % #tokens]
  headers["Idempotency-Key"] = prefix .. "-" .. count
  return wrk.format("POST", "/v1/reservations", headers, skus[1 + count % #skus])
end
