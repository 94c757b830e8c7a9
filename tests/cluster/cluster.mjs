// cluster.mjs BINARY - three instances behind HAProxy, on loopback: one is
// killed and returns, a database moves, and nobody loses what was acknowledged.
//
// generate.sh (ports 0) -> instances -> their ports -> generate.sh -> HAProxy on
// a socket that is handed to it -> writers on nine databases, through the proxy
//
// A writer numbers its rows, never uses a number twice, and keeps three lists:
// acknowledged, refused (503: nothing was done), unknown (no answer).
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { check as check_one, finish, read_port, refusal, until } from "../interop/harness.mjs";

const require = createRequire(new URL("../interop/", import.meta.url));
const { createClient } = require("@libsql/client");
const run = promisify(execFile);

const binary = resolve(process.argv[2]);
const scripts = new URL("../../docs/cluster/", import.meta.url).pathname;
const home = await mkdtemp(join(tmpdir(), "fivefold-cluster."));
const COUNT = 3;
const NAMES = ["ada", "bob", "cleo", "dora", "emil", "fritz", "gina", "hugo", "ines"];

/* ---- processes ---- */

const children = new Set();
const log = await open(join(home, "log"), "w");

function start(command, args, ...stdio) {
  const child = spawn(command, args, { stdio: ["ignore", log.fd, log.fd, ...stdio] });
  children.add(child);
  child.ended = once(child, "exit").finally(() => children.delete(child));
  return child;
}

process.on("exit", () => { for (const child of children) child.kill("SIGKILL"); });

/* LISTEN and the addresses of three instances. */
async function generate(listen, ports, out = join(home, "c"), more = {}) {
  const env = { ...process.env, SERVER: binary, ROOT: join(home, "root"), ...more };
  return run(join(scripts, "generate.sh"),
    [out, listen, ...ports.map((port) => `127.0.0.1:${port}`)], { env });
}

const instances = []; /* from 1 on */

async function start_instance(number) {
  const child = start(binary, ["-c", join(home, "c", `instance-${number}`, "fivefold.ini"),
    "--set", "server.access_log=-", "--ready-fd", "3"], "pipe");
  instances[number] = child;
  return read_port(child);
}

async function stop_instance(number, signal) {
  instances[number].kill(signal);
  await instances[number].ended;
}

/* HAProxy takes no port 0: it is given a socket that listens already. */
async function start_proxy() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  const child = start("haproxy", ["-db", "-f", join(home, "c", "haproxy.cfg")], listener._handle.fd);
  listener.close();
  return [child, `http://127.0.0.1:${port}`];
}

/* "ada" -> [1]: the instances that have its file. */
async function places() {
  const found = {};
  for (let number = 1; number <= COUNT; number++)
    for (const file of await readdir(join(home, "c", `instance-${number}`, "db")))
      if (file.endsWith(".db")) (found[file.slice(0, -3)] ??= []).push(number);
  return found;
}

/* ---- requests ---- */

let origin, token;

const base = (name) => `${origin}/db/${name}/`;
const signed = () => ({ authorization: `Bearer ${token}` });

async function pipeline(name, ...statements) {
  const requests = statements.map((sql) => ({ type: "execute", stmt: { sql } }));
  const answer = await fetch(`${base(name)}v2/pipeline`, {
    method: "POST", headers: { ...signed(), "content-type": "application/json" }, body: JSON.stringify({ requests }),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

async function rows(name, sql) {
  const { status, body } = await pipeline(name, sql);
  assert.equal(status, 200, body);
  const [result] = JSON.parse(body).results;
  assert.equal(result.type, "ok", body);
  return result.response.result.rows.map(([value]) => Number(value.value));
}

/* Sent as it is written; fetch would tidy the path up. */
function raw(path, options = {}) {
  return new Promise((done, failed) => {
    const request = get(origin, { path, agent: false, ...options }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (piece) => { body += piece; });
      answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, body }));
    });
    request.on("error", failed);
  });
}

function proxy_says(command) {
  return new Promise((done, failed) => {
    let said = "";
    connect(join(home, "c", "admin.sock")).on("error", failed)
      .on("data", (piece) => { said += piece; }).on("end", () => done(said.trim()))
      .end(`${command}\n`);
  });
}

function is_unavailable({ status, headers, body }) {
  assert.equal(status, 503, body);
  assert.equal(headers.get("content-type"), "application/json");
  assert.match(headers.get("retry-after"), /^\d+$/);
  assert.equal(JSON.parse(body).code, "UNAVAILABLE");
  return true;
}

/* ---- writers ---- */

class Writer {
  constructor(name, instance) {
    Object.assign(this, { name, instance, next: 1, stopped: false });
    Object.assign(this, { acknowledged: [], refused: [], unknown: [], faults: [] });
    this.may_fail = false; /* its instance is being killed */
    this.ended = this.write();
  }

  async write() {
    while (!this.stopped) {
      const row = this.next++;
      try {
        this.judge(row, await pipeline(this.name, `INSERT INTO t VALUES (${row})`));
      } catch (error) {
        this.unknown.push(row);
        if (!this.may_fail) this.faults.push(String(error.cause ?? error));
      }
      if (this.refused.at(-1) === row) await pause(20);
    }
  }

  judge(row, answer) {
    if (answer.status === 200 && JSON.parse(answer.body).results[0].type === "ok")
      return this.acknowledged.push(row);
    if (this.may_fail && answer.status === 503 && is_unavailable(answer))
      return this.refused.push(row);
    this.unknown.push(row);
    if (!(this.may_fail && answer.status === 502))
      this.faults.push(`${answer.status} ${answer.body}`);
  }
}

let writers = [];
const of_instance = (number) => writers.filter((writer) => writer.instance === number);
const of_others = (number) => writers.filter((writer) => writer.instance !== number);

/* Until each has that many acknowledged rows more. */
async function go_on(list, count) {
  const goal = new Map(list.map((writer) => [writer, writer.acknowledged.length + count]));
  await until("rows are acknowledged", () =>
    list.every((writer) => writer.acknowledged.length >= goal.get(writer)));
}

const no_faults = () => assert.deepEqual(writers.flatMap((writer) => writer.faults), []);

/* ---- the checks ---- */

/* Each goes on where the last has ended: after a failure the others would only
 * say so again. */
async function check(name, body) {
  if (await check_one(name, body)) return;
  console.log(`see ${home}/log`);
  finish();
  process.exit();
}

async function placed() {
  for (const name of NAMES) {
    const answer = await fetch(base(name), { method: "PUT", headers: signed() });
    assert.equal(answer.status, 201);
    assert.deepEqual(await rows(name, "CREATE TABLE t (row INTEGER)"), []);
  }
  const found = await places();
  assert.deepEqual(Object.keys(found).sort(), NAMES);
  for (const name of NAMES) assert.equal(found[name].length, 1);
  assert.equal(new Set(Object.values(found).flat()).size, COUNT);
}

async function spelled() {
  for (const [at, path] of [
    "/db/odd/", "//db/odd/", "/db//odd/", "/./db/./odd/", "/%64b/%6Fdd/", "/d%62/odd/", "/dev/odd/",
    "/%2E/db/odd/", "/db/odd/%2e", "//%64ev/.//odd/",
  ].entries()) {
    const { status, body } = await raw(path, { method: "PUT", headers: { ...signed(), "content-length": 0 } });
    assert.equal(status, at === 0 ? 201 : 204, path + body);
  }
  for (const path of ["/db/odd%2f/", "/db%2Fodd/", "/x/../db/odd/", "/db/odd%00/", "/db/%zz/"])
    assert.equal((await raw(path, { method: "PUT", headers: { ...signed(), "content-length": 0 } })).status, 400);
  const found = await places();
  assert.equal(found.odd.length, 1);
  assert.equal(Object.keys(found).length, NAMES.length + 1);
}

async function listed() {
  const answer = await fetch(`${origin}/db/`);
  const names = (await answer.json()).databases.map((database) => database.name);
  assert.deepEqual(names, [...NAMES, "odd"].sort());
  assert.match((await raw("/db/", { headers: { accept: "text/html" } })).body, /<a href="ines\/">/);
  assert.equal((await raw("/db/", { method: "HEAD" })).status, 200);
}

async function who_asks() {
  const { body } = await raw("/-/2/stats");
  assert.equal(JSON.parse(body).stage.number, Number(binary.at(-1)));
  assert.equal((await raw("/-/stats")).status, 404);
  for (const [host, status] of [["evil.example", 421], ["EVIL.example:80", 421], ["127.0.0.1.evil.example", 421],
    ["localhost", 200], ["localhost.:80", 200], ["a.localhost", 200], ["[::1]:80", 200], ["127.0.0.1:80", 200]])
    assert.equal((await raw("/-/2/stats", { headers: { host } })).status, status, host);
  assert.equal((await raw("/asked-by-another", { localAddress: "127.0.0.2" })).status, 404);
  await until("the log names the client", async () =>
    /^127\.0\.0\.2 - .*asked-by-another/m.test(await readFile(join(home, "log"), "utf8")));
}

async function killed(number) {
  const theirs = of_instance(number);
  for (const writer of theirs) writer.may_fail = true;
  await go_on(writers, 5);
  await stop_instance(number, "SIGKILL");
  await until("each of its databases is refused", () => theirs.every((writer) => writer.refused.length > 0));
  await go_on(of_others(number), 20);
  for (const { name } of theirs) {
    is_unavailable(await pipeline(name, "SELECT 1"));
    assert.equal((await fetch(base(name), { method: "PUT", headers: signed() })).status, 503);
  }
  is_unavailable(await fetch(`${origin}/db/`).then(async (answer) =>
    ({ status: answer.status, headers: answer.headers, body: await answer.text() })));
  for (let n = 0; n < 10; n++) assert.equal((await raw("/")).body, "any of them\n");
  no_faults();
}

async function returned(number) {
  await start_instance(number);
  await go_on(writers, 20);
  for (const writer of of_instance(number)) writer.may_fail = false;
  await go_on(writers, 20); /* what was sent before may still have failed */
  no_faults();
}

async function transaction() {
  const client = createClient({ url: base("ada"), authToken: token });
  await client.execute("CREATE TABLE u (n)");
  const first = await client.transaction("write");
  await first.execute("INSERT INTO u VALUES (1)");
  assert.equal((await first.execute("SELECT count(*) AS n FROM u")).rows[0].n, 1);
  assert.deepEqual(await rows("ada", "SELECT count(*) FROM u"), [0]);
  await first.execute("INSERT INTO u VALUES (2)");
  await first.commit();
  const second = await client.transaction("write");
  await second.execute("INSERT INTO u VALUES (3)");
  await second.rollback();
  assert.deepEqual(await rows("ada", "SELECT n FROM u"), [1, 2]);
}

/* Its baton is of a process that is no more. */
async function transaction_of_the_killed() {
  const [[name, [number]]] = Object.entries(await places()).filter(([name]) => name === "ada");
  const client = createClient({ url: base(name), authToken: token });
  const open_one = await client.transaction("write");
  await open_one.execute("INSERT INTO u VALUES (4)");
  await stop_instance(number, "SIGKILL");
  /* The first may be sent on a connection whose end the proxy has not seen. */
  await until("the library is told", async () =>
    (await refusal(client.execute("SELECT 1"))).code === "UNAVAILABLE");
  await start_instance(number);
  await refusal(open_one.commit());
  await until("it is back", async () => (await pipeline(name, "SELECT 1")).status === 200);
  assert.deepEqual(await rows(name, "SELECT n FROM u"), [1, 2]);
}

async function every_row() {
  for (const writer of writers) {
    const { name, acknowledged, refused, unknown } = writer;
    const there = await rows(name, "SELECT row FROM t ORDER BY row");
    const once_each = new Set(there);
    assert.equal(once_each.size, there.length, `${name}: a row twice`);
    for (const row of acknowledged) assert.ok(once_each.delete(row), `${name}: row ${row} is lost`);
    for (const row of refused) assert.ok(!once_each.has(row), `${name}: refused row ${row} is there`);
    for (const row of once_each) assert.ok(unknown.includes(row), `${name}: nobody wrote row ${row}`);
    assert.ok(acknowledged.length > 0);
  }
  const found = await places();
  for (const name of NAMES) assert.equal(found[name].length, 1);
}

async function moved() {
  const [writer] = writers, { name, instance } = writer;
  const to = (instance % COUNT) + 1;
  const unknown = writer.unknown.length;
  writer.may_fail = true;
  await go_on(writers, 5);
  await run(join(scripts, "move.sh"), [join(home, "c"), name, String(to)]);
  await go_on(writers, 20);
  writer.may_fail = false;
  await go_on(writers, 5);
  no_faults();
  assert.equal(writer.unknown.length, unknown); /* refused, and no more */
  assert.deepEqual((await places())[name], [to]);
  const answer = await raw(`/db/${name}/`);
  assert.equal(answer.headers["x-instance"], String(to));
  assert.match(await readFile(join(home, "c", "databases.map"), "utf8"), new RegExp(`^${name} ${to}$`, "m"));
  const [free] = await readdir(join(home, "c", `instance-${instance}`, "db"))
    .then((files) => files.filter((file) => file.startsWith(name)));
  assert.equal(free, undefined);
}

/* Neither a slip in the map nor a database on the move may end elsewhere. */
async function nowhere() {
  const map = join(home, "c", "databases.map");
  for (const value of ["7", "closed", "x"]) {
    assert.equal(await proxy_says(`add map ${map} ${`at-${value}`} ${value}`), "");
    const answer = await fetch(base(`at-${value}`), { method: "PUT", headers: signed() });
    assert.equal(answer.status, 503);
  }
  assert.equal(Object.keys(await places()).length, NAMES.length + 1);
}

/* With another number a hash leads elsewhere, so all that is there is pinned. */
async function another_number() {
  const out = join(home, "c");
  const line = async (ports) => {
    const { code, stderr } = await refusal(generate("127.0.0.1:1", ports, out));
    assert.equal(code, 2);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    return stderr;
  };
  assert.match(await line([1, 2]), /instance 3 still has .*move it first/);
  await generate("127.0.0.1:1", [1, 2, 3, 4]);
  const map = await readFile(join(out, "databases.map"), "utf8");
  for (const [name, [number]] of Object.entries(await places()))
    assert.match(map, new RegExp(`^${name} ${number}$`, "m"));
  await copyFile(join(out, "instance-1", "fivefold.ini"), join(out, "instance-4", "db", "ada.db"));
  assert.match(await line([1, 2, 3, 4]), /database ada is in several instances/);
}

/* What make cluster calls. Ports that were free a moment ago. */
async function run_and_stop() {
  const listeners = [];
  for (let n = 0; n < 3; n++) {
    listeners.push(createServer().listen(0, "127.0.0.1"));
    await once(listeners[n], "listening");
  }
  const [port, ...ports] = listeners.map((listener) => listener.address().port);
  for (const listener of listeners) listener.close();
  const out = join(home, "run");
  await generate(`127.0.0.1:${port}`, ports, out);
  const child = spawn(join(out, "run"), { stdio: ["ignore", "pipe", log.fd] });
  children.add(child);
  const ended = once(child, "exit").finally(() => children.delete(child));
  let said = "";
  child.stdout.on("data", (piece) => { said += piece; });
  await until("it says what to try", () => said.includes("Ctrl-C"));
  const answer = await fetch(`http://127.0.0.1:${port}/db/`);
  assert.deepEqual(await answer.json(), { databases: [] });
  const pid = Number(await readFile(join(out, "instance-2", "pid"), "utf8"));
  child.kill("SIGINT");
  assert.deepEqual(await ended, [0, null]);
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  assert.equal((await refusal(fetch(`http://127.0.0.1:${port}/`))).cause.code, "ECONNREFUSED");
}

/* ---- */

await mkdir(join(home, "root"));
await writeFile(join(home, "root", "index.html"), "any of them\n");
await generate("fd@3", Array(COUNT).fill(0));
const ports = [];
for (let number = 1; number <= COUNT; number++) ports.push(await start_instance(number));
await generate("fd@3", ports);
token = await readFile(join(home, "c", "token"), "utf8");
let proxy;
[proxy, origin] = await start_proxy();

await check("a database is made on one instance, and not all on the same", placed);
await check("however a path is written, it leads to one instance", spelled);
await check("the list has the databases of all instances", listed);
await check("an instance sees who asks, and shows its own figures", who_asks);
const at = await places();
writers = NAMES.map((name) => new Writer(name, at[name][0]));
for (const number of [2, 1]) {
  await check(`instance ${number} is killed: its databases are 503, the others notice nothing`,
    () => killed(number));
  await check(`instance ${number} returns: so do its databases`, () => returned(number));
}
await check("a database moves to another instance, and only its writer notices", moved);
for (const writer of writers) writer.stopped = true;
await Promise.all(writers.map((writer) => writer.ended));
await check("every acknowledged row is there once, and no refused one", every_row);
await check("@libsql/client: interactive transactions through the proxy", transaction);
await check("a transaction that was open when its instance was killed is undone", transaction_of_the_killed);
await check("who is placed nowhere is 503", nowhere);
proxy.kill("SIGTERM");
await proxy.ended;
for (let number = 1; number <= COUNT; number++) await stop_instance(number, "SIGTERM");
await check("another number of instances leaves each database where it is", another_number);
await check("run: starts all, and ends all", run_and_stop);

const lines = writers.map((writer) => `${writer.name} on ${writer.instance}: ${
  writer.acknowledged.length} acknowledged, ${writer.refused.length} refused, ${writer.unknown.length} unknown`);
console.log(lines.join("\n"));
await log.close();
await rm(home, { recursive: true });
finish();
