// A worker in Node, without any dependency: it scores an answer from 0 to 1.
//
//   node score.mjs 9002
//
// Its input holds `answer` (or `text`) and perhaps `question`. The score says how much of the
// question the answer takes up, and whether it says anything at all.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const LARGEST = 1_000_000; // bytes of a call
const TOLERANCE = 300; // seconds that two clocks may differ
const REMEMBERED = 1_000; // answers kept for calls that come again
const secret = process.env.WORKER_SECRET;
const answers = new Map(); // key -> { digest, body }

class Refused extends Error {
  constructor(status, type, message) {
    super(message);
    this.status = status;
    this.body = { error: { type, message, retryable: status >= 500 } };
  }
}

function score(input) {
  const answer = input.answer ?? input.text;
  if (typeof answer !== 'string') throw new Refused(422, 'no_answer', 'the input has no `answer`');
  const words = (text) => new Set(String(text).toLowerCase().match(/[a-z]{4,}/g) ?? []);
  const said = words(answer);
  const asked = [...words(input.question ?? '')];
  const taken = asked.length ? asked.filter((word) => said.has(word)).length / asked.length : 1;
  return { score: Math.round(Math.min(1, said.size / 5) * (0.5 + taken / 2) * 1000) / 1000 };
}

async function bodyOf(request) {
  const length = Number(request.headers['content-length'] ?? NaN);
  if (!(length >= 0)) throw new Refused(411, 'no_length', 'say how long the body is');
  if (length > LARGEST) throw new Refused(413, 'too_large', `a call has at most ${LARGEST} bytes`);
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

function checkSignature(headers, body) {
  const when = headers['webhook-timestamp'] ?? '';
  if (!/^\d{1,15}$/.test(when) || Math.abs(Number(when) - Date.now() / 1000) > TOLERANCE)
    throw new Refused(401, 'unauthorized', 'the timestamp is missing or too far from now');
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  const wanted = createHmac('sha256', key)
    .update(`${headers['webhook-id'] ?? ''}.${when}.`)
    .update(body)
    .digest();
  const right = (headers['webhook-signature'] ?? '').split(' ').some((one) => {
    const given = Buffer.from(one.replace(/^v1,/, ''), 'base64');
    return one.startsWith('v1,') && given.length === wanted.length && timingSafeEqual(given, wanted);
  });
  if (!right) throw new Refused(401, 'unauthorized', 'the signature is wrong');
}

function callOf(headers, body) {
  if ((headers['content-type'] ?? '').split(';')[0].trim() !== 'application/json')
    throw new Refused(415, 'not_json', 'send application/json');
  let call;
  try {
    call = JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refused(400, 'not_json', 'the body is not JSON');
  }
  const mapping = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!mapping(call) || !mapping(call.input))
    throw new Refused(422, 'no_input', 'the body has no `input` mapping');
  const deadline = Date.parse(call.deadline);
  if (Number.isNaN(deadline)) throw new Refused(422, 'no_deadline', 'the body has no `deadline`');
  if (deadline < Date.now()) throw new Refused(408, 'too_late', 'the deadline passed');
  return call;
}

function once(key, input) {
  const digest = createHash('sha256').update(JSON.stringify(input)).digest('hex');
  const known = answers.get(key);
  if (known && known.digest !== digest)
    throw new Refused(409, 'conflict', 'this key was used for another input');
  if (known) return known.body;
  const body = JSON.stringify({ output: score(input) });
  answers.set(key, { digest, body });
  if (answers.size > REMEMBERED) answers.delete(answers.keys().next().value);
  return body;
}

async function answer(request) {
  if (request.method !== 'POST') throw new Refused(405, 'no_method', 'send a POST');
  const body = await bodyOf(request);
  if (secret) checkSignature(request.headers, body);
  const call = callOf(request.headers, body);
  const key = request.headers['idempotency-key'];
  if (!key) throw new Refused(400, 'no_key', 'the call has no Idempotency-Key');
  return once(key, call.input);
}

const server = createServer(async (request, response) => {
  let status = 200;
  let body;
  try {
    body = await answer(request);
  } catch (error) {
    status = error.status ?? 500;
    body = JSON.stringify(error.body ?? { error: { type: 'internal', message: 'the worker failed' } });
    if (!request.complete) response.shouldKeepAlive = false; // what is left of the body is not read
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
});
server.requestTimeout = 30_000;
server.listen(Number(process.argv[2] ?? 9002), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
