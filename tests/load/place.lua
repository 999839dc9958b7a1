-- wrk as a crowd: each order is of one unit, of the next sku, for the next customer, with a key of its own.
--    wrk -s place.lua URL -- PREFIX_OF_KEYS FILE_OF_TOKENS WAREHOUSE SKU...
function init(arguments)
  prefix, tokens, orders, count = arguments[1], {}, {}, 0
  for token in io.lines(arguments[2]) do tokens[#tokens + 1] = "Bearer " .. token end
  for n = 4, #arguments do
    orders[#orders + 1] = '{"lines":[{"sku":"' .. arguments[n] .. '","quantity":1,"warehouse":"' .. arguments[3] .. '"}]}'
  end
  headers = { ["Content-Type"] = "application/json" }
end

function request()
  count = count + 1
  headers["Authorization"] = tokens[1 + count % #tokens]
  headers["Idempotency-Key"] = prefix .. "-" .. count
  return wrk.format("POST", "/v1/reservations", headers, orders[1 + count % #orders])
end
