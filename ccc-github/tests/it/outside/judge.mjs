// A Prism proxy that validates calls and deliveries against GitHub's OpenAPI description.
//
// Input: one line of JSON with the routes as [method, path] and the names of deliveries. A delivery is
// validated at /_webhooks/NAME. Output: one line of JSON with the URL of Prism and, for each route, its
// declared statuses and whether their responses are JSON. The process ends when its input is closed, so
// that it does not outlive the test that started it.
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.cwd()}/`);
const { createLogger } = require("@stoplight/prism-core");
const { getHttpOperationsFromSpec } = require("@stoplight/prism-http");
const { createServer: createPrism } = require("@stoplight/prism-http-server");

// Prism silently does not check a body if Ajv cannot compile its schema. Ajv refuses `nullable` beside
// `anyOf` without a `type`, which is in the schema of every issue. It also refuses an `enum` that contains
// `null` twice, and Prism adds a second `null`. `usable` returns an equivalent schema that Ajv can
// compile.
const nothing = { type: "object", nullable: true, not: { type: "object" } };
// Every error matches both of these schemas, so `oneOf` never matches.
const twins = ["basic-error", "repository-rule-violation-error"].map((name) => `#/components/schemas/${name}`);
function usable(_, value) {
  if (value?.oneOf?.every(({ $ref }) => twins.includes($ref))) return { anyOf: value.oneOf };
  if (value?.nullable !== true) return value;
  if (value.enum) return { ...value, enum: value.enum.filter((item) => item !== null) };
  if (value.type) return value;
  const { nullable, ...rest } = value;
  return { anyOf: [rest, nothing] };
}

// Returns the description of only these paths, unchanged. Prism takes seconds to load all of it.
function cut(whole, paths) {
  const part = { openapi: whole.openapi, info: whole.info, servers: whole.servers, paths: {}, components: {} };
  const keep = (value) =>
    JSON.stringify(value, (_, inner) => {
      const [, , kind, name] = inner?.$ref?.split?.("/") ?? [];
      if (name && !part.components[kind]?.[name]) {
        part.components[kind] = { ...part.components[kind], [name]: whole.components[kind][name] };
        keep(whole.components[kind][name]);
      }
      return inner;
    });
  for (const path of paths) keep((part.paths[path] = whole.paths[path]));
  return part;
}

// Prism supports one upstream server, so a header names the actual one. The header `location` is renamed,
// because Prism would follow a redirect itself.
const onward = createServer((from, to) => {
  if (from.url.startsWith("/_webhooks/")) return void from.resume().on("end", () => to.end());
  const { "x-upstream": upstream, host, ...headers } = from.headers;
  const call = request(new URL(from.url, upstream), { method: from.method, headers }, (answer) => {
    const { location, ...rest } = answer.headers;
    const moved = location && answer.statusCode < 400 && answer.statusCode >= 300;
    to.writeHead(answer.statusCode, moved ? { ...rest, "x-location": location } : answer.headers);
    answer.pipe(to);
  });
  call.on("error", () => to.destroy());
  from.pipe(call);
});

async function start(line) {
  const { routes, deliveries } = JSON.parse(line);
  const whole = require("@octokit/openapi/generated/api.github.com.json");
  const operation = ([method, path]) => whole.paths[path]?.[method.toLowerCase()];
  const resolve = (found) => (found.$ref ? whole.components.responses[found.$ref.split("/").at(-1)] : found);
  const isJson = (answer) => "application/json" in (resolve(answer).content ?? {});
  const answers = routes.map((route) =>
    Object.fromEntries(
      Object.entries(operation(route)?.responses ?? {}).map(([status, answer]) => [status, isJson(answer)]),
    ),
  );
  const paths = routes.filter(operation).map(([, path]) => path);
  for (const name of deliveries) {
    if (!whole["x-webhooks"][name]) throw new Error(`GitHub describes no delivery ${name}`);
    whole.paths[`/_webhooks/${name}`] = whole["x-webhooks"][name];
    paths.push(`/_webhooks/${name}`);
  }
  const document = JSON.parse(JSON.stringify(cut(whole, new Set(paths))), usable);

  await new Promise((listening) => onward.listen(0, "127.0.0.1", listening));
  const upstream = new URL(`http://127.0.0.1:${onward.address().port}`);
  const prism = createPrism(await getHttpOperationsFromSpec(document), {
    cors: false,
    // The same settings as `prism proxy --errors`.
    config: {
      isProxy: true,
      upstream,
      errors: true,
      checkSecurity: true,
      validateRequest: true,
      validateResponse: true,
      mock: { dynamic: false },
    },
    components: { logger: createLogger("prism", { level: "silent" }) },
  });
  const url = await prism.listen(0, "127.0.0.1");
  console.log(JSON.stringify({ url, answers }));
}

createInterface({ input: process.stdin }).once("line", start).once("close", () => process.exit());
