// Started from a file of its own: the page's policy allows no inline script.
//
// The document's examples are constants, and three of them cannot be: a key serves one request, and the database makes the ids.
// Where such an example still stands in a request, what it stands for is sent instead; what somebody wrote is sent as it is.
const KEY_HEADER = "Idempotency-Key";
const KEY = "a-key-of-your-own";
const RESERVATION = "0197a3f0-7c1e-7000-8000-5f2a9c3b1d04";
const ITEM = "0197a3f0-7c1e-7000-8000-2b6e4d8f7a10";

// The state of a reservation in which these requests succeed.
const STATE_BEFORE = { confirm: "held", cancel: "held", extend: "held", lines: "held", fulfilments: "confirmed" };

async function fillIn(request) {
  if (request.headers[KEY_HEADER] === KEY) {
    request.headers[KEY_HEADER] = newKey();
  }
  if (request.url.includes(RESERVATION)) {
    const state = STATE_BEFORE[request.url.split("/").pop()];
    const newest = await first("/v1/reservations", state ? { state } : {}, request);
    request.url = request.url.replace(RESERVATION, newest?.id ?? RESERVATION);
  }
  if (request.url.includes(ITEM)) {
    const item = await first("/v1/stock", {}, request);
    request.url = request.url.replace(ITEM, item?.item_id ?? ITEM);
  }
  return request;
}

// The first of a list, as whoever sends the request sees it.
async function first(path, filters, { headers: { Authorization } }) {
  if (!Authorization) {
    return undefined;
  }
  const answer = await fetch(`${path}?${new URLSearchParams({ limit: "1", ...filters })}`, { headers: { Authorization } });
  return answer.ok ? (await answer.json()).items[0] : undefined;
}

// randomUUID is kept from pages that came over plain HTTP from another machine; this is not.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  requestInterceptor: fillIn,
  validatorUrl: null,
});
