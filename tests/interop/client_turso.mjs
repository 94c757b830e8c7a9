// client_turso.mjs - @tursodatabase/serverless against a server: every
// operation that it offers, and its layer that looks like @libsql/client.
//
//     node client_turso.mjs build/fivefold-2
//
// The client speaks /v3/cursor and /v3/pipeline. It ends each batch with a
// statement that runs only outside of a transaction, and so learns its state.
import { connect, DatabaseError, Session, Statement, TimeoutError } from "@tursodatabase/serverless";
import { createClient } from "@tursodatabase/serverless/compat";
import assert from "node:assert/strict";
import { check, finish, READER, refusal, refused, start, until, WRITER } from "./harness.mjs";

const binary = process.argv[2];
const server = await start(binary, ["sqlite.query_ms=1500"]);
const url = await server.make("one");
const open = (more = {}) => connect({ url, authToken: WRITER, ...more });
const db = open();

const count = async (table, client = db) => (await client.get(`SELECT count(*) AS n FROM ${table}`)).n;

async function echo(value, client = db) {
  const row = await client.get("SELECT ? AS v, typeof(?1) AS t", [value]);
  return [row.v, row.t];
}

async function collect(iterator) {
  const rows = [];
  for await (const row of iterator) rows.push(row);
  return rows;
}

/* A statement of a connection gathers its rows; one with a session of its own
 * takes them as they come. */

/* Connection. */

await check("exec runs a script", async () => {
  await db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, v); INSERT INTO t (name, v) VALUES ('a', 1.5);");
  assert.equal(await count("t"), 1);
});

await check("exec stops at an error and keeps what ran before", async () => {
  await refused(db.exec("INSERT INTO t (name) VALUES ('kept'); SELEC; DROP TABLE t"), "SQL_INPUT_ERROR");
  assert.equal(await count("t"), 2);
});

await check("run tells changes and the last row id", async () => {
  assert.deepEqual(await db.run("INSERT INTO t (name, v) VALUES (?, ?)", "b", 2), { changes: 1, lastInsertRowid: 3 });
  assert.equal((await db.run("UPDATE t SET v = 0 WHERE id > ?", [1])).changes, 2);
  assert.equal((await db.run("DELETE FROM t WHERE name = :n", { n: "kept" })).changes, 1);
});

await check("get gives the first row or nothing", async () => {
  assert.deepEqual(await db.get("SELECT id, name FROM t ORDER BY id"), { id: 1, name: "a" });
  assert.equal(await db.get("SELECT id FROM t WHERE 0"), undefined);
});

await check("all gives all rows, iterate one after the other", async () => {
  assert.deepEqual(await db.all("SELECT name FROM t ORDER BY id"), [{ name: "a" }, { name: "b" }]);
  assert.deepEqual(await collect(db.iterate("SELECT id FROM t WHERE id >= ?", 1)), [{ id: 1 }, { id: 3 }]);
});

for (const mark of [":", "@", "$"])
  for (const prefix of ["", mark])
    await check(`${mark}name is bound by the key ${prefix}name`, async () =>
      assert.deepEqual(await db.get(`SELECT ${mark}name AS n, ${mark}v AS v`, { [`${prefix}name`]: "x", [`${prefix}v`]: 2 }),
        { n: "x", v: 2 }));

await check("numbered keys are bound by position", async () =>
  assert.deepEqual(await db.get("SELECT ?2 AS b, ?1 AS a", { 1: "x", 2: "y" }), { b: "y", a: "x" }));

await check("pragma tells", async () => {
  const { rows, columns } = await db.pragma("table_info(t)");
  assert.ok(columns.includes("name"));
  assert.deepEqual(rows.map((row) => row.name), ["id", "name", "v"]);
  assert.equal((await db.pragma("foreign_keys")).rows[0][0], 1);
});

/* Statements. */

await check("prepare describes: columns, reader", async () => {
  const select = await db.prepare("SELECT id, name, v, 1 AS one FROM t");
  assert.deepEqual(select.columns().map((column) => column.name), ["id", "name", "v", "one"]);
  assert.deepEqual(select.columns().map((column) => column.type ?? null), ["INTEGER", "TEXT", null, null]);
  assert.equal(select.reader, true);
  assert.equal((await db.prepare("DELETE FROM t WHERE id = ?")).reader, false);
  assert.equal((await db.prepare("DELETE FROM t WHERE id = ? RETURNING id")).reader, true);
});

await check("prepare of an error is that error", async () => {
  await refused(db.prepare("SELEC 1"), "SQL_INPUT_ERROR");
  await refused(db.prepare("SELECT nothing FROM t"), "SQL_INPUT_ERROR");
});

await check("a statement: run, get, all, iterate", async () => {
  const insert = await db.prepare("INSERT INTO t (name) VALUES (?)");
  for (const name of ["c", "d"]) assert.equal((await insert.run([name])).changes, 1);
  const select = await db.prepare("SELECT name FROM t WHERE id > ? ORDER BY id");
  assert.deepEqual(await select.get([3]), { name: "c" });
  assert.equal(await select.get([1000]), undefined);
  assert.deepEqual(await select.all([3]), [{ name: "c" }, { name: "d" }]);
  assert.deepEqual(await collect(select.iterate([3])), [{ name: "c" }, { name: "d" }]);
});

await check("a statement: raw, pluck, and back", async () => {
  const select = await db.prepare("SELECT id, name FROM t ORDER BY id LIMIT 2");
  assert.deepEqual((await select.raw().all()).map((row) => [...row]), [[1, "a"], [3, "b"]]);
  assert.deepEqual((await collect(select.iterate())).map((row) => [...row]), [[1, "a"], [3, "b"]]);
  assert.deepEqual(await select.pluck().all(), [1, 3]);
  assert.equal(await select.get(), 1);
  assert.deepEqual(await select.raw(false).get(), { id: 1, name: "a" });
});

await check("a statement: safeIntegers", async () => {
  const select = await db.prepare("SELECT ? AS v");
  assert.equal((await select.safeIntegers().get([2n ** 62n + 1n])).v, 2n ** 62n + 1n);
  assert.equal((await select.safeIntegers(false).get([5n])).v, 5);
});

await check("iterate may be left early, and the connection goes on", async () => {
  const select = await db.prepare("WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5000) SELECT i FROM s");
  for await (const row of select.iterate()) if (row.i === 3) break;
  assert.equal((await db.get("SELECT 1 AS one")).one, 1);
  const streamed = new Statement({ url, authToken: WRITER }, "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 50000) SELECT i FROM s");
  for await (const row of streamed.iterate()) if (row.i === 3) break;
  assert.equal((await streamed.get()).i, 1);
  assert.equal(db.inTransaction, false);
});

await check("a statement with a session of its own", async () => {
  const select = new Statement({ url, authToken: WRITER }, "SELECT name FROM t WHERE id = ?");
  assert.deepEqual(await select.get([1]), { name: "a" });
});

await check("a statement survives a change of the schema", async () => {
  const select = await db.prepare("SELECT * FROM t WHERE id = 1");
  assert.equal(Object.keys(await select.get()).length, 3);
  await db.exec("ALTER TABLE t ADD COLUMN more DEFAULT 'm'");
  assert.equal((await select.get()).more, "m");
  await db.exec("ALTER TABLE t DROP COLUMN more");
  assert.equal(Object.keys(await select.get()).length, 3);
});

await check("session: describe counts parameters", async () => {
  const session = new Session({ url, authToken: WRITER });
  const told = await session.describe("SELECT :a, ?2, @c");
  assert.deepEqual(told.params.map((param) => param.name), [":a", "?2", "@c"]);
  assert.equal(told.is_readonly, true);
  assert.equal(told.is_explain, false);
  assert.equal((await session.describe("EXPLAIN SELECT 1")).is_explain, true);
  assert.equal((await session.describe("INSERT INTO t DEFAULT VALUES")).is_readonly, false);
  await session.close();
});

await check("session: execute, executeRaw, batch, sequence", async () => {
  const session = new Session({ url, authToken: WRITER });
  const set = await session.execute("SELECT id, name FROM t WHERE id = 1");
  assert.deepEqual(set.columns, ["id", "name"]);
  assert.deepEqual(set.columnTypes, ["INTEGER", "TEXT"]);
  assert.equal(set.rows[0].name, "a");
  assert.equal(set.rows[0][0], 1);
  const { entries } = await session.executeRaw("SELECT 1");
  assert.deepEqual((await collect(entries)).map((entry) => entry.type), ["step_begin", "row", "step_end"]);
  assert.equal((await session.batch(["SELECT 1 AS a", "SELECT 2 AS b"]))[1].rows[0].b, 2);
  await session.sequence("BEGIN; SELECT 1;");
  assert.equal(session.inTransaction, true);
  await session.close();
  assert.equal(session.inTransaction, false);
});

/* Values. */

const exact = open();
exact.defaultSafeIntegers();
for (const value of [0n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)])
  await check(`the integer ${value} comes back whole`, async () =>
    assert.deepEqual(await echo(value, exact), [value, "integer"]));

for (const value of [0.1, -1.5, 1 / 3, 5e-324, Number.MAX_VALUE, 2 ** 53 + 2, 1e300])
  await check(`the number ${value} comes back to the last bit`, async () =>
    assert.deepEqual(await echo(value), [value, "real"]));

await check("a whole number is an integer", async () => assert.deepEqual(await echo(7), [7, "integer"]));

await check("infinity comes back as NULL", async () =>
  assert.deepEqual(await db.get("SELECT 9e999 AS a, -9e999 AS b"), { a: null, b: null }));

for (const [name, value] of [
  ["empty", ""], ["of an emoji", "žlutý 🐎"], ["with U+0000 inside", "a\0b"], ["of quotes", `"'\\\`;--`],
  ["with line ends, U+2028 and U+10FFFF", "\r\n\u2028\u{10ffff}"], ["of 1 MiB", "žx".repeat(349525)],
])
  await check(`a text ${name} comes back`, async () => {
    const [back, type] = await echo(value);
    assert.equal(type, "text");
    assert.ok(back === value, `${back.length} characters came`);
  });

for (const [name, value] of [
  ["empty", new Uint8Array()], ["of every byte", new Uint8Array(256).map((_, i) => i)],
  ["of 300001 bytes", new Uint8Array(300001).map((_, i) => i * 7 + (i >> 8))],
])
  await check(`a blob ${name} comes back`, async () => {
    const [back, type] = await echo(value);
    assert.equal(type, "blob");
    assert.ok(Buffer.compare(back, Buffer.from(value)) === 0, `${back.length} bytes came`);
  });

await check("null, nothing, booleans, a date", async () => {
  assert.deepEqual(await echo(null), [null, "null"]);
  assert.deepEqual(await echo(undefined), [null, "null"]);
  assert.deepEqual(await echo(true), [1, "integer"]);
  assert.deepEqual(await echo(false), [0, "integer"]);
  const date = new Date("2020-01-02T03:04:05Z");
  assert.deepEqual(await echo(date), [String(date), "text"]);
});

/* Errors. */

for (const [name, code, sql, args = []] of [
  ["a syntax error", "SQL_INPUT_ERROR", "SELEC 1"],
  ["UNIQUE", "SQLITE_CONSTRAINT", "INSERT INTO t (name) VALUES ('a')"],
  ["too few arguments", "ARGS_INVALID", "SELECT ?, ?", [1]],
  ["too many arguments", "ARGS_INVALID", "SELECT ?", [1, 2]],
  ["a name that is not there", "ARGS_INVALID", "SELECT :a", { b: 1 }],
  ["two statements", "SQL_MANY_STATEMENTS", "SELECT 1; SELECT 2"],
  ["no statement", "SQL_NO_STATEMENT", " "],
  ["ATTACH", "SQLITE_AUTH", "ATTACH 'other.db' AS other"],
  ["a query without end", "SQLITE_INTERRUPT",
    "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s) SELECT count(*) FROM s"],
])
  await check(`${name} is refused as ${code}`, async () => {
    const error = await refused(db.run(sql, args), code);
    assert.ok(error instanceof DatabaseError);
  });

await check("an error in the middle of rows ends them", async () => {
  const rows = [];
  const error = await refusal((async () => {
    const select = new Statement({ url, authToken: WRITER }, `WITH RECURSIVE s(i) AS (SELECT 10 UNION ALL SELECT i - 1 FROM s WHERE i > -9)
      SELECT i, abs(-9223372036854775807 - 1 + i) FROM s`);
    for await (const row of select.iterate()) rows.push(row.i);
  })());
  assert.deepEqual(rows, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  assert.match(error.message, /integer overflow/);
  assert.equal((await db.get("SELECT 1 AS one")).one, 1);
});

await check("queryTimeout gives up, and the connection goes on", async () => {
  const error = await refusal(db.all(
    "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s) SELECT count(*) FROM s", [], { queryTimeout: 100 }));
  assert.ok(error instanceof TimeoutError, error.message);
  assert.equal((await db.get("SELECT 1 AS one")).one, 1);
});

/* Batches. */

await check("batch without a mode: each for itself", async () => {
  const sets = await db.batch([
    "CREATE TABLE b (x)",
    { sql: "INSERT INTO b VALUES (?), (?)", args: [1, 2] },
    { sql: "INSERT INTO b VALUES (:x)", args: { x: 3 } },
    "SELECT x FROM b ORDER BY x",
  ]);
  assert.equal(sets[1].rowsAffected, 2);
  assert.deepEqual(sets[3].columns, ["x"]);
  assert.deepEqual(sets[3].rows, [{ x: 1 }, { x: 2 }, { x: 3 }]);
  await refused(db.batch(["INSERT INTO b VALUES (4)", "SELEC", "INSERT INTO b VALUES (5)"]), "SQL_INPUT_ERROR");
  assert.equal(await count("b"), 5, "what stands beside the error is kept");
});

for (const mode of ["write", "read", "deferred", "immediate", "exclusive"])
  await check(`batch ${mode}: all or nothing`, async () => {
    const before = await count("b");
    const sets = await db.batch(["SELECT count(*) AS n FROM b", "SELECT 2 AS two"], mode);
    assert.deepEqual(sets.map((set) => set.rows[0]), [{ n: before }, { two: 2 }]);
    await db.batch(["INSERT INTO b VALUES (6)", "DELETE FROM b WHERE x = 6"], mode);
    await refused(db.batch(["INSERT INTO b VALUES (7)", "INSERT INTO t (name) VALUES ('a')"], mode), "SQLITE_CONSTRAINT");
    assert.equal(await count("b"), before);
    assert.equal(db.inTransaction, false);
  });

await check("batch raw gives arrays", async () =>
  assert.deepEqual((await db.batch(["SELECT 1, 2"], { mode: "read", raw: true }))[0].rows, [[1, 2]]));

await check("batch concurrent is SQLite's refusal", async () =>
  refused(db.batch(["SELECT 1"], "concurrent"), /^SQL/));

/* Transactions. */

for (const mode of ["default", "deferred", "immediate", "exclusive"]) {
  await check(`transactionAsync ${mode}: prepare, run, get, all, iterate, execute, exec, batch, commit`, async () => {
    const before = await count("b");
    const work = db.transactionAsync(async (tx, first) => {
      const insert = await tx.prepare("INSERT INTO b VALUES (?)");
      await insert.run([first]);
      await tx.run("INSERT INTO b VALUES (?)", first + 1);
      await tx.execute("INSERT INTO b VALUES (:x)", { x: first + 2 });
      await tx.exec("INSERT INTO b VALUES (0); INSERT INTO b VALUES (0)");
      await tx.batch([{ sql: "INSERT INTO b VALUES (?)", args: [0] }]);
      assert.equal((await tx.get("SELECT count(*) AS n FROM b")).n, before + 6);
      assert.equal((await tx.all("SELECT x FROM b")).length, before + 6);
      assert.equal((await collect(tx.iterate("SELECT x FROM b"))).length, before + 6);
      assert.equal(await count("b"), before, "seen from outside before the commit");
      return "done";
    });
    assert.equal(await work[mode](100), "done");
    assert.equal(await count("b"), before + 6);
    await db.run("DELETE FROM b WHERE x >= 100 OR x = 0");
  });

  await check(`transactionAsync ${mode}: an error rolls back`, async () => {
    const before = await count("b");
    const work = db.transactionAsync(async (tx) => {
      await tx.run("INSERT INTO b VALUES (1)");
      throw new Error("mine");
    });
    assert.equal((await refusal(work[mode]())).message, "mine");
    assert.equal(await count("b"), before);
    await db.run("UPDATE b SET x = x");
  });
}

await check("transaction (the old form) commits and rolls back", async () => {
  const before = await count("b");
  await db.transaction(async () => {
    assert.equal(db.inTransaction, true);
    await db.run("INSERT INTO b VALUES (200)");
  })();
  assert.equal(db.inTransaction, false);
  await refusal(db.transaction(async () => {
    await db.run("INSERT INTO b VALUES (201)");
    throw new Error("mine");
  }).immediate());
  assert.equal(await count("b"), before + 1);
});

await check("BEGIN and COMMIT by hand; inTransaction tells", async () => {
  const before = await count("b");
  await db.run("BEGIN");
  assert.equal(db.inTransaction, true);
  const insert = await db.prepare("INSERT INTO b VALUES (?)");
  await insert.run([300]);
  await refused(db.run("SELEC"), "SQL_INPUT_ERROR");
  assert.equal(db.inTransaction, true);
  await db.batch(["INSERT INTO b VALUES (301)"], "write");
  assert.equal(db.inTransaction, true);
  assert.equal(await count("b", exact), BigInt(before));
  await db.run("COMMIT");
  assert.equal(db.inTransaction, false);
  assert.equal(await count("b"), before + 2);
});

await check("closing in a transaction rolls back", async () => {
  const before = await count("b");
  const other = open();
  await other.exec("BEGIN IMMEDIATE");
  await other.run("INSERT INTO b VALUES (0)");
  await refused(db.run("INSERT INTO b VALUES (0)"), "SQLITE_BUSY");
  await other.close();
  await refusal(other.run("SELECT 1"));
  await db.run("UPDATE b SET x = x");
  assert.equal(await count("b"), before);
  await other.reconnect();
  assert.equal(await count("b", other), before);
  await other.close();
});

await check("eight connections at the same time", async () => {
  const rows = await Promise.all(Array.from({ length: 8 }, (_, i) => open().get("SELECT ? AS i", [i])));
  assert.deepEqual(rows.map((row) => row.i), [0, 1, 2, 3, 4, 5, 6, 7]);
});

await check("50000 rows come whole, through all and iterate", async () => {
  const sql = `WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 50000)
    SELECT i, printf('%050d', i) AS text FROM s`;
  const rows = await db.all(sql);
  assert.equal(rows.length, 50000);
  assert.deepEqual(rows[49999], { i: 50000, text: "50000".padStart(50, "0") });
  let sum = 0;
  for await (const row of (await db.prepare(sql)).iterate()) sum += row.i;
  assert.equal(sum, 1250025000);
});

/* Who may. */

await check("a wrong token is refused in the server's words", async () => {
  const wrong = open({ authToken: "wrong" });
  assert.match((await refusal(wrong.get("SELECT 1"))).message, /^Authentication failed$/);
  assert.match((await refusal(wrong.exec("SELECT 1"))).message, /401/);
});

await check("requestHeaders carry the token too; the URL needs no slash", async () => {
  const client = connect({ url: url.slice(0, -1), requestHeaders: { Authorization: `Bearer ${WRITER}` } });
  assert.equal((await client.get("SELECT 1 AS one")).one, 1);
});

await check("who may only read reads, and is told SQLITE_READONLY", async () => {
  const reader = open({ authToken: READER });
  const before = await count("b");
  assert.equal(await count("b", reader), before);
  await refused(reader.run("DELETE FROM b"), "SQLITE_READONLY");
  await refused(reader.exec("DELETE FROM b"), "SQLITE_READONLY");
  await refused(reader.batch(["DELETE FROM b"], "write"), "SQLITE_READONLY");
  assert.equal(await count("b"), before);
});

await check("a database that is not there is told so", async () =>
  assert.match((await refusal(open({ url: server.base("nothing") }).get("SELECT 1"))).message, /no (such )?database/i));

/* The layer that looks like @libsql/client. */

const compat = createClient({ url, authToken: WRITER });

await check("compat: execute, batch, executeMultiple, migrate", async () => {
  const set = await compat.execute({ sql: "INSERT INTO b VALUES (?)", args: [400] });
  assert.equal(set.rowsAffected, 1);
  assert.equal(typeof set.lastInsertRowid, "bigint");
  assert.equal((await compat.execute("SELECT x FROM b WHERE x = ?", [400])).rows[0].x, 400);
  assert.equal((await compat.batch(["SELECT 1 AS a", "SELECT 2 AS a"], "read"))[1].rows[0].a, 2);
  await compat.executeMultiple("INSERT INTO b VALUES (401); DELETE FROM b WHERE x >= 400;");
  await compat.migrate(["ALTER TABLE b ADD COLUMN y", "ALTER TABLE b DROP COLUMN y"]);
});

for (const mode of ["write", "read", "deferred"])
  await check(`compat: transaction ${mode}: execute, batch, executeMultiple, commit, rollback`, async () => {
    const before = await count("b");
    let tx = await compat.transaction(mode);
    assert.equal((await tx.execute("SELECT count(*) AS n FROM b")).rows[0].n, before);
    await tx.execute({ sql: "INSERT INTO b VALUES (?)", args: [500] });
    await tx.batch(["INSERT INTO b VALUES (500)"]);
    await tx.executeMultiple("INSERT INTO b VALUES (500);");
    await tx.rollback();
    assert.equal(tx.closed, true);
    assert.equal(await count("b"), before);
    tx = await compat.transaction(mode);
    await tx.execute("INSERT INTO b VALUES (501)");
    await tx.commit();
    assert.equal(await count("b"), before + 1);
    await refused(tx.execute("SELECT 1"), "TRANSACTION_CLOSED");
  });

await check("compat: close within a transaction rolls back", async () => {
  const before = await count("b");
  const tx = await compat.transaction("write");
  await tx.execute("INSERT INTO b VALUES (502)");
  tx.close();
  await compat.execute("UPDATE b SET x = x");
  assert.equal(await count("b"), before);
});

await check("compat: errors have the server's codes", async () => {
  await refused(compat.execute("INSERT INTO t (name) VALUES ('a')"), "SQLITE_CONSTRAINT");
  await refused(compat.execute("SELEC"), "SQL_INPUT_ERROR");
  await refused(compat.batch(["SELEC"]), "SQL_INPUT_ERROR");
  compat.close();
  await refused(compat.execute("SELECT 1"), "CLIENT_CLOSED");
});

await db.close();
await exact.close();
await check("SIGTERM: the server ends with status 0", () => server.stop());

/* Expiry, on a server that is short of patience. */

await check("an idle transaction is rolled back and says so; the connection recovers", async () => {
  const hasty = await start(binary, ["sqlite.stream_idle_seconds=1", "sqlite.busy_ms=0"]);
  const config = { url: await hasty.make("one"), authToken: WRITER };
  const [one, other] = [connect(config), connect(config)];
  await one.exec("CREATE TABLE t (x)");
  await one.exec("BEGIN IMMEDIATE");
  await one.run("INSERT INTO t VALUES (1)");
  await refused(other.run("INSERT INTO t VALUES (2)"), "SQLITE_BUSY");
  await until("the lock is free", () =>
    other.run("INSERT INTO t VALUES (3)").then(() => true, (error) => {
      assert.equal(error.code, "SQLITE_BUSY");
      return false;
    }));
  assert.match((await refusal(one.run("INSERT INTO t VALUES (4)"))).message, /expired/);
  assert.equal(one.inTransaction, false);
  assert.deepEqual(await one.all("SELECT x FROM t"), [{ x: 3 }]);
  await hasty.stop();
});

await check("a connection without a transaction does not expire", async () => {
  const hasty = await start(binary, ["sqlite.stream_idle_seconds=1", "sqlite.transaction_seconds=1"]);
  const config = { url: await hasty.make("one"), authToken: WRITER };
  const [one, other] = [connect(config), connect(config)];
  const select = await one.prepare("SELECT 1 AS one");
  assert.equal((await select.get()).one, 1);
  await other.exec("BEGIN");
  await other.run("CREATE TABLE t (x)");
  await until("a transaction that began later is over", () => one.run("CREATE TABLE t (x)").then(() => true, () => false));
  assert.equal((await select.get()).one, 1);
  await hasty.stop();
});

finish();
