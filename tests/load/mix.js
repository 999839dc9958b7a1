// The mix of the load lab, for k6, in an open model: 80 % one product, 10 % a page of fifty, 10 % a reservation of one unit.
// docs/load-testing.md says how to start it.
//
//   k6 run -e TOKENS=/tmp/tokens [-e URL=http://127.0.0.1:8000] [-e RPS=500] [-e SKUS=1000] tests/load/mix.js

import { check } from "k6";
import { SharedArray } from "k6/data";
import exec from "k6/execution";
import http from "k6/http";

const URL = __ENV.URL || "http://127.0.0.1:8000";
const RPS = Number(__ENV.RPS || 500);
const SKUS = Number(__ENV.SKUS || 1000);
const tokens = new SharedArray("tokens", () => open(__ENV.TOKENS).trim().split("\n"));

export const options = {
  scenarios: {
    mix: { executor: "constant-arrival-rate", rate: RPS, timeUnit: "1s", duration: "60s", preAllocatedVUs: 64, maxVUs: 1000 },
  },
  // dropped_iterations are requests that were due and for which k6 had nobody left: they count as failures, too.
  thresholds: { http_req_duration: ["p(99)<50"], http_req_failed: ["rate<0.001"], dropped_iterations: ["count<1"] },
  summaryTrendStats: ["med", "p(95)", "p(99)", "max"],
};

export function setup() {
  return { run: Date.now() };
}

export default function ({ run }) {
  const number = exec.scenario.iterationInTest;
  const headers = { Authorization: `Bearer ${tokens[number % tokens.length]}` };
  const any = 1 + Math.floor(Math.random() * SKUS);
  const product = any % 50 === 0 ? any + 1 : any; // every fiftieth is archived: it can be read and not bought
  const sku = `BULK-${String(product).padStart(7, "0")}`;
  const dice = Math.floor(Math.random() * 10);
  if (dice === 0) {
    const body = JSON.stringify({ lines: [{ sku, quantity: 1 }] });
    // Of this run and this request alone: a key that was used before would only get the old answer again.
    const own = { ...headers, "Content-Type": "application/json", "Idempotency-Key": `${run}-${number}` };
    const answer = http.post(`${URL}/v1/reservations`, body, { headers: own, tags: { name: "reserve" } });
    check(answer, { placed: ({ status }) => status === 201 });
  } else if (dice === 1) {
    http.get(`${URL}/v1/products?limit=50`, { headers, tags: { name: "list" } });
  } else {
    http.get(`${URL}/v1/products/${sku}`, { headers, tags: { name: "read" } });
  }
}
