// An independent implementation of the signatures. Input: the App's id and key, a JWT, and a delivery with
// its signature. Output: whether they are valid, and JWTs and delivery signatures of its own, both valid
// and invalid.
import { createHmac, createPrivateKey, createPublicKey, createSign, createVerify } from "node:crypto";
import { generateKeyPairSync, timingSafeEqual } from "node:crypto";
import { text } from "node:stream/consumers";

const given = JSON.parse(await text(process.stdin));
const key = createPrivateKey(given.key);
const json = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// Parses and verifies a JWT (RFC 7519) without a library.
function read(jwt) {
  const [head, claims, signature] = jwt.split(".");
  const genuine = createVerify("RSA-SHA256")
    .update(`${head}.${claims}`)
    .verify(createPublicKey(key), signature, "base64url");
  const part = (text) => JSON.parse(Buffer.from(text, "base64url"));
  return { genuine, head: part(head), claims: part(claims) };
}

function jwt(changed, { alg = "RS256", by = key } = {}) {
  const claims = { iat: given.now - 60, exp: given.now + 540, iss: given.app, ...changed };
  const signed = `${json({ alg, typ: "JWT" })}.${json(claims)}`;
  const signature = {
    RS256: () => createSign("RSA-SHA256").update(signed).sign(by, "base64url"),
    HS256: () => createHmac("sha256", by).update(signed).digest("base64url"),
    none: () => "",
  };
  return `${signed}.${signature[alg]()}`;
}

const hmac = (secret, body) => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
const same = (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
const { privateKey: stranger } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicPem = createPublicKey(key).export({ type: "pkcs1", format: "pem" });
const body = given.delivery.body;

console.log(
  JSON.stringify({
    theirs: { jwt: read(given.jwt), delivery: same(hmac(given.secret, body), given.delivery.signature) },
    jwts: {
      "issued by number": jwt({}),
      "issued by text": jwt({ iss: String(given.app) }),
      "by a stranger": jwt({}, { by: stranger }),
      "with the public key as a secret": jwt({}, { alg: "HS256", by: publicPem }),
      unsigned: jwt({}, { alg: "none" }),
      "of another App": jwt({ iss: given.app + 1 }),
      "from the future": jwt({ iat: given.now + 300 }),
      "that ended": jwt({ iat: given.now - 600, exp: given.now - 60 }),
      "that lasts too long": jwt({ exp: given.now + 1200 }),
    },
    deliveries: {
      genuine: hmac(given.secret, body),
      "with another secret": hmac("another", body),
      "of another body": hmac(given.secret, `${body} `),
    },
  }),
);
