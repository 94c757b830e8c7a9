// client_libsql.mjs - @libsql/client against a server: every operation that it
// offers.
//
//     node client_libsql.mjs build/fivefold-2
//
// The client speaks /v2/pipeline. A number goes out as a float and a bigint as
// an integer; that is its way with every server.
import { createClient } from "@libsql/client";
import assert from "node:assert/strict";
import { check, finish, READER, refusal, refused, start, until, WRITER } from "./harness.mjs";

const binary = process.argv[2];
const server = await start(binary);
const url = await server.make("one");
const open = (more = {}) => createClient({ url, authToken: WRITER, ...more });
const db = open();

async function count(table, client = db) {
  return (await client.execute(`SELECT count(*) FROM ${table}`)).rows[0][0];
}

/* What a value is after a way there and back, and SQLite's name of its type. */
async function echo(value, client = db) {
  const { rows } = await client.execute({ sql: "SELECT ? AS v, typeof(?1) AS t", args: [value] });
  return [rows[0].v, rows[0].t];
}

const bytes = (value) => Buffer.from(value).toString("hex");

await check("execute creates a table", async () => {
  const made = await db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, v)");
  assert.deepEqual(made.columns, []);
  assert.equal(made.rowsAffected, 0);
});

await check("execute inserts by position and tells the row id", async () => {
  const done = await db.execute({ sql: "INSERT INTO t (name, v) VALUES (?, ?)", args: ["a", 1.5] });
  assert.equal(done.rowsAffected, 1);
  assert.equal(done.lastInsertRowid, 1n);
});

await check("execute takes a text and its arguments apart", async () => {
  const { rows } = await db.execute("SELECT v FROM t WHERE name = ?", ["a"]);
  assert.equal(rows[0].v, 1.5);
});

for (const mark of [":", "@", "$"])
  for (const prefix of ["", mark])
    await check(`execute binds ${mark}name to the key ${prefix}name`, async () => {
      const { rows } = await db.execute({
        sql: `SELECT ${mark}name AS n, ${mark}v AS v, ${mark}name AS again`,
        args: { [`${prefix}name`]: "b", [`${prefix}v`]: 2n },
      });
      assert.deepEqual(Array.from(rows[0]), ["b", 2, "b"]);
    });

await check("execute binds ?2 and ?1 by their numbers", async () => {
  const { rows } = await db.execute({ sql: "SELECT ?2, ?1", args: ["x", "y"] });
  assert.deepEqual(Array.from(rows[0]), ["y", "x"]);
});

await check("a row is an array and an object; columns have names and types", async () => {
  const set = await db.execute("SELECT id, name, v, 1 + 1 AS two FROM t");
  assert.deepEqual(set.columns, ["id", "name", "v", "two"]);
  assert.deepEqual(set.columnTypes, ["INTEGER", "TEXT", "", ""]);
  assert.equal(set.rows.length, 1);
  assert.equal(set.rows[0].length, 4);
  assert.equal(set.rows[0][1], "a");
  assert.equal(set.rows[0].name, "a");
  assert.equal(set.rows[0].two, 2);
  assert.equal(set.rowsAffected, 0);
  assert.deepEqual(set.toJSON().rows, [[1, "a", 1.5, 2]]);
});

await check("columns are told when there are no rows", async () => {
  const set = await db.execute("SELECT id, name FROM t WHERE 0");
  assert.deepEqual(set.columns, ["id", "name"]);
  assert.equal(set.rows.length, 0);
});

await check("two columns of one name are both there", async () => {
  const { rows, columns } = await db.execute("SELECT 1 AS a, 2 AS a");
  assert.deepEqual(columns, ["a", "a"]);
  assert.deepEqual(Array.from(rows[0]), [1, 2]);
});

await check("INSERT ... RETURNING gives rows and a count", async () => {
  const set = await db.execute("INSERT INTO t (name) VALUES ('r'), ('s') RETURNING id, name");
  assert.deepEqual(set.rows.map((row) => row.name), ["r", "s"]);
  assert.equal(set.rowsAffected, 2);
});

await check("UPDATE and DELETE count their rows", async () => {
  assert.equal((await db.execute("UPDATE t SET v = 7 WHERE name IN ('r', 's')")).rowsAffected, 2);
  assert.equal((await db.execute("DELETE FROM t WHERE name IN ('r', 's')")).rowsAffected, 2);
  assert.equal((await db.execute("DELETE FROM t WHERE 0")).rowsAffected, 0);
});

await check("a semicolon, blanks and a comment may follow a statement", async () => {
  assert.equal((await db.execute("SELECT 5 ; -- five \n /* and */ ")).rows[0][0], 5);
});

/* Values. */

const big = open({ intMode: "bigint" });
for (const value of [0n, -1n, 2n ** 53n - 1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)])
  await check(`the integer ${value} comes back whole`, async () =>
    assert.deepEqual(await echo(value, big), [value, "integer"]));

await check("an integer beyond 2^53 is refused by intMode number", async () => {
  const error = await refusal(db.execute("SELECT 9007199254740993"));
  assert.ok(error instanceof RangeError, error.message);
});

await check("intMode string gives digits", async () => {
  const { rows } = await open({ intMode: "string" }).execute("SELECT 9223372036854775807");
  assert.equal(rows[0][0], "9223372036854775807");
});

for (const value of [0.1, -1.5, 1 / 3, 1e21, 5e-324, 2.2250738585072014e-308, Number.MAX_VALUE, 2 ** 53 + 2, 1e-7, 123456789.12345679])
  await check(`the number ${value} comes back to the last bit`, async () =>
    assert.deepEqual(await echo(value), [value, "real"]));

await check("a whole number is a float on its way, and an INTEGER column's again", async () => {
  assert.deepEqual(await echo(3), [3, "real"]);
  const { rows } = await db.execute({ sql: "SELECT typeof(id) FROM t WHERE id = ?", args: [1] });
  assert.equal(rows[0][0], "integer");
});

await check("infinity comes back as NULL, and loses nothing else", async () => {
  const { rows } = await db.execute("SELECT 9e999, -9e999, 1");
  assert.deepEqual(Array.from(rows[0]), [null, null, 1]);
});

for (const [name, value] of [
  ["empty", ""], ["in Czech", "žluťoučký kůň"], ["of an emoji", "🐎👩‍👩‍👧"],
  ["with U+0000 inside", "a\0b"], ["of U+0000 alone", "\0"], ["of quotes", `"'\\\`;--`],
  ["of control characters", "\x01\x1f\x7f\t\r\n\b\f"], ["with U+2028, U+FFFF, U+10FFFF", "\u2028\uffff\u{10ffff}"],
  ["of 1 MiB", "žx".repeat(349525)],
])
  await check(`a text ${name} comes back`, async () => {
    const { rows } = await db.execute({
      sql: "SELECT ? AS v, typeof(?1) AS t, length(CAST(?1 AS BLOB)) AS n", args: [value],
    });
    assert.equal(rows[0].t, "text");
    assert.equal(rows[0].n, Buffer.byteLength(value));
    assert.ok(rows[0].v === value, `${rows[0].v.length} characters came`);
  });

for (const [name, value] of [
  ["empty", new Uint8Array()], ["of 1 byte", new Uint8Array([0])], ["of 2 bytes", new Uint8Array([255, 0])],
  ["of every byte", new Uint8Array(256).map((_, i) => i)],
  ["of 300000 bytes", new Uint8Array(300000).map((_, i) => i * 7 + (i >> 8))],
])
  await check(`a blob ${name} comes back`, async () => {
    const [back, type] = await echo(value);
    assert.equal(type, "blob");
    assert.ok(back instanceof ArrayBuffer);
    assert.ok(bytes(back) === bytes(value));
  });

await check("an ArrayBuffer goes as a blob", async () => {
  const [back, type] = await echo(new Uint8Array([1, 2, 3]).buffer);
  assert.equal(type, "blob");
  assert.equal(bytes(back), "010203");
});

await check("null is NULL, booleans are 1 and 0, a date its milliseconds", async () => {
  const date = new Date("2020-01-02T03:04:05.678Z");
  assert.deepEqual(await echo(null), [null, "null"]);
  assert.deepEqual(await echo(true), [1, "integer"]);
  assert.deepEqual(await echo(false), [0, "integer"]);
  assert.deepEqual(await echo(date), [date.getTime(), "real"]);
});

await check("values that are stored come out as they went in", async () => {
  await big.execute("CREATE TABLE held (v)");
  const values = [null, 2n ** 62n, 0.1, "\0🐎", ""];
  await big.batch(values.map((v) => ({ sql: "INSERT INTO held VALUES (?)", args: [v] })), "write");
  const { rows } = await big.execute("SELECT v FROM held ORDER BY rowid");
  assert.deepEqual(rows.map((row) => row.v), values);
});

/* Errors. */

for (const [name, statement, code] of [
  ["a syntax error", "SELEC 1", "SQL_INPUT_ERROR"],
  ["a column that is not there", "SELECT nothing FROM t", "SQL_INPUT_ERROR"],
  ["a table that is not there", "SELECT * FROM nowhere", /^SQL(_INPUT_ERROR|ITE_UNKNOWN)$/],
  ["UNIQUE", "INSERT INTO t (name) VALUES ('a')", "SQLITE_CONSTRAINT"],
  ["too few arguments", { sql: "SELECT ?, ?", args: [1] }, "ARGS_INVALID"],
  ["too many arguments", { sql: "SELECT ?", args: [1, 2] }, "ARGS_INVALID"],
  ["a name that is not there", { sql: "SELECT :a", args: { a: 1, b: 2 } }, "ARGS_INVALID"],
  ["no statement", " -- nothing", "SQL_NO_STATEMENT"],
  ["two statements", "SELECT 1; SELECT 2", "SQL_MANY_STATEMENTS"],
  ["ATTACH", "ATTACH 'other.db' AS other", "SQLITE_AUTH"],
  ["a wrong type in a STRICT table", "INSERT INTO strict VALUES ('x')", "SQLITE_CONSTRAINT"],
])
  await check(`${name} is refused as ${code}`, async () => {
    await db.execute("CREATE TABLE IF NOT EXISTS strict (n INTEGER) STRICT");
    const error = await refused(db.execute(statement), code);
    assert.equal(error.constructor.name, "LibsqlError");
  });

await check("an error's message has SQLite's words", async () => {
  assert.match((await refusal(db.execute("SELEC 1"))).message, /near "SELEC": syntax error/);
  assert.match((await refusal(db.execute("INSERT INTO t (name) VALUES ('a')"))).message,
    /UNIQUE constraint failed: t\.name/);
});

/* Batches. */

for (const mode of ["write", "deferred", undefined])
  await check(`batch ${mode ?? "without a mode"} writes and reads`, async () => {
    const sets = await db.batch([
      "CREATE TABLE b (x)",
      { sql: "INSERT INTO b VALUES (?)", args: ["1"] },
      ["INSERT INTO b VALUES (:x)", { x: "2" }],
      "SELECT x FROM b ORDER BY x",
      "DROP TABLE b",
    ], mode);
    assert.equal(sets.length, 5);
    assert.equal(sets[1].rowsAffected, 1);
    assert.deepEqual(sets[3].rows.map((row) => row.x), ["1", "2"]);
  });

await check("batch read reads", async () => {
  const sets = await db.batch(["SELECT 1 AS a", "SELECT 2 AS b"], "read");
  assert.deepEqual(sets.map((set) => set.rows[0][0]), [1, 2]);
});

await check("batch read does not write, and the next batch may", async () => {
  await refused(db.batch(["SELECT 1", "INSERT INTO t (name) VALUES ('never')"], "read"), "SQLITE_READONLY");
  await db.batch(["INSERT INTO t (name) VALUES ('then')", "DELETE FROM t WHERE name = 'then'"], "write");
});

for (const mode of ["write", "deferred"])
  await check(`batch ${mode} with a statement that fails changes nothing`, async () => {
    const before = await count("t");
    const error = await refused(db.batch([
      "INSERT INTO t (name) VALUES ('new')",
      "INSERT INTO t (name) VALUES ('a')",
      "INSERT INTO t (name) VALUES ('newer')",
    ], mode), "SQLITE_CONSTRAINT");
    assert.equal(error.statementIndex, 1);
    assert.equal(await count("t"), before);
  });

await check("batch stores more texts than the client keeps", async () => {
  const sets = await db.batch(Array.from({ length: 75 }, (_, i) => `SELECT ${i} AS i`), "read");
  assert.deepEqual(sets.map((set) => set.rows[0].i), Array.from({ length: 75 }, (_, i) => i));
});

await check("batch of nothing is nothing", async () => assert.deepEqual(await db.batch([], "write"), []));

await check("migrate rebuilds a table that others refer to", async () => {
  await db.executeMultiple(`CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (p REFERENCES parent (id)); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);`);
  await db.migrate([
    "CREATE TABLE parent2 (id INTEGER PRIMARY KEY, note TEXT)",
    "INSERT INTO parent2 (id) SELECT id FROM parent",
    "DROP TABLE parent",
    "ALTER TABLE parent2 RENAME TO parent",
  ]);
  assert.equal(await count("child"), 1);
});

await check("foreign keys hold again after migrate", async () =>
  refused(db.execute("DELETE FROM parent"), "SQLITE_CONSTRAINT"));

await check("migrate that fails changes nothing, and foreign keys hold", async () => {
  await refused(db.migrate(["DELETE FROM parent", "SELEC"]), "SQL_INPUT_ERROR");
  assert.equal(await count("parent"), 1);
  await refused(db.execute("DELETE FROM parent"), "SQLITE_CONSTRAINT");
});

await check("executeMultiple runs a script", async () => {
  await db.executeMultiple("CREATE TABLE m (x); INSERT INTO m VALUES (';'); -- end\n INSERT INTO m VALUES (2);");
  assert.equal(await count("m"), 2);
});

await check("executeMultiple stops at an error and keeps what ran before", async () => {
  await refused(db.executeMultiple("INSERT INTO m VALUES (3); SELEC; INSERT INTO m VALUES (4)"), "SQL_INPUT_ERROR");
  assert.equal(await count("m"), 3);
});

await check("executeMultiple left within a transaction is rolled back", async () => {
  await db.executeMultiple("BEGIN; INSERT INTO m VALUES (99);");
  assert.equal(await count("m"), 3);
});

/* Transactions. */

await check("transaction write: execute, batch, executeMultiple, commit", async () => {
  const tx = await db.transaction("write");
  await tx.execute("DELETE FROM m");
  await tx.batch([{ sql: "INSERT INTO m VALUES (?)", args: [1] }, ["INSERT INTO m VALUES (?)", [2]]]);
  await tx.executeMultiple("INSERT INTO m VALUES (3); INSERT INTO m VALUES (4);");
  assert.equal((await tx.execute("SELECT count(*) FROM m")).rows[0][0], 4);
  assert.equal(await count("m"), 3, "seen by another before the commit");
  assert.equal(tx.closed, false);
  await tx.commit();
  assert.equal(tx.closed, true);
  assert.equal(await count("m"), 4);
});

await check("transaction that starts with executeMultiple", async () => {
  const tx = await db.transaction("write");
  await tx.executeMultiple("INSERT INTO m VALUES (5)");
  await tx.commit();
  assert.equal(await count("m"), 5);
});

for (const end of ["rollback", "close"])
  await check(`transaction write: ${end} undoes it`, async () => {
    const tx = await db.transaction();
    await tx.execute("INSERT INTO m VALUES (6)");
    await tx[end]();
    assert.equal(tx.closed, true);
    assert.equal(await count("m"), 5);
    await refused(tx.execute("SELECT 1"), "TRANSACTION_CLOSED");
    await until("the lock is free", () => db.execute("UPDATE m SET x = x").then(() => true, () => false));
  });

await check("transaction read reads one state and does not write", async () => {
  const tx = await db.transaction("read");
  assert.equal((await tx.execute("SELECT count(*) FROM m")).rows[0][0], 5);
  await db.execute("INSERT INTO m VALUES (7)");
  assert.equal((await tx.execute("SELECT count(*) FROM m")).rows[0][0], 5);
  await refused(tx.execute("DELETE FROM m"), "SQLITE_READONLY");
  await tx.commit();
  assert.equal(await count("m"), 6);
});

await check("transaction deferred reads, then writes", async () => {
  const tx = await db.transaction("deferred");
  assert.equal((await tx.execute("SELECT count(*) FROM m")).rows[0][0], 6);
  await tx.execute("INSERT INTO m VALUES (8)");
  await tx.commit();
  assert.equal(await count("m"), 7);
});

await check("a transaction goes on after a statement that fails", async () => {
  const tx = await db.transaction("write");
  await tx.execute("INSERT INTO m VALUES (9)");
  const error = await refused(tx.batch(["SELECT 1", "SELECT nothing", "SELECT 3"]), "SQL_INPUT_ERROR");
  assert.equal(error.statementIndex, 1);
  await tx.execute("INSERT INTO m VALUES (10)");
  await tx.commit();
  assert.equal(await count("m"), 9);
});

await check("a transaction of many statements, each with its own text", async () => {
  const tx = await db.transaction("read");
  for (let i = 0; i < 70; i++) assert.equal((await tx.execute(`SELECT ${i}`)).rows[0][0], i);
  await tx.commit();
});

await check("a transaction that did nothing can be committed", async () => {
  const tx = await db.transaction("write");
  await tx.commit();
  await refused(tx.commit(), "TRANSACTION_CLOSED");
});

await check("savepoints within a transaction", async () => {
  const tx = await db.transaction("write");
  await tx.execute("SAVEPOINT s");
  await tx.execute("DELETE FROM m");
  await tx.execute("ROLLBACK TO s");
  await tx.execute("RELEASE s");
  await tx.commit();
  assert.equal(await count("m"), 9);
});

await check("two clients: one writes, the other reads the old state and is told SQLITE_BUSY", async () => {
  const other = open();
  const tx = await db.transaction("write");
  await tx.execute("DELETE FROM m");
  assert.equal(await count("m", other), 9);
  await refused(other.execute("INSERT INTO m VALUES (0)"), "SQLITE_BUSY");
  await refused(other.batch(["INSERT INTO m VALUES (0)"], "write"), "SQLITE_BUSY");
  await tx.rollback();
  await other.execute("INSERT INTO m VALUES (0)");
  assert.equal(await count("m"), 10);
  other.close();
});

await check("two transactions at once, in turns", async () => {
  const readers = [await db.transaction("read"), await open().transaction("read")];
  for (let i = 0; i < 3; i++)
    for (const [which, tx] of readers.entries())
      assert.equal((await tx.execute({ sql: "SELECT ?", args: [BigInt(which)] })).rows[0][0], which);
  for (const tx of readers) await tx.commit();
});

await check("eight requests at the same time", async () => {
  const sets = await Promise.all(Array.from({ length: 8 }, (_, i) => db.execute(`SELECT ${i}`)));
  assert.deepEqual(sets.map((set) => set.rows[0][0]), [0, 1, 2, 3, 4, 5, 6, 7]);
});

/* Who may. */

await check("a wrong token and none are AUTH_FAILED", async () => {
  await refused(createClient({ url, authToken: "wrong" }).execute("SELECT 1"), "AUTH_FAILED");
  await refused(createClient({ url }).execute("SELECT 1"), "AUTH_FAILED");
});

await check("the token may stand in the URL", async () => {
  const client = createClient({ url: `${url}?authToken=${WRITER}` });
  assert.equal((await client.execute("SELECT 1")).rows[0][0], 1);
});

await check("the libsql: scheme with tls=0", async () => {
  const client = createClient({ url: `${url.replace("http:", "libsql:")}?tls=0`, authToken: WRITER });
  assert.equal((await client.execute("SELECT 1")).rows[0][0], 1);
});

await check("who may only read reads, and is told SQLITE_READONLY", async () => {
  const reader = open({ authToken: READER });
  assert.equal(await count("m", reader), 10);
  assert.equal((await reader.batch(["SELECT 1"], "read"))[0].rows[0][0], 1);
  await refused(reader.execute("INSERT INTO m VALUES (0)"), "SQLITE_READONLY");
  await refused(reader.batch(["INSERT INTO m VALUES (0)"], "write"), "SQLITE_READONLY");
  await refused(reader.executeMultiple("DROP TABLE m"), "SQLITE_READONLY");
  const tx = await reader.transaction("read");
  assert.equal((await tx.execute("SELECT count(*) FROM m")).rows[0][0], 10);
  await tx.close();
  assert.equal(await count("m"), 10);
});

await check("a database that is not there is NOT_FOUND", async () =>
  refused(open({ url: server.base("nothing") }).execute("SELECT 1"), "NOT_FOUND"));

await check("a URL without the slash is told so", async () => {
  const error = await refusal(open({ url: url.slice(0, -1) }).execute("SELECT 1"));
  assert.match(error.message, /end in \//);
});

await check("the name /dev/ is the same database", async () => {
  const client = open({ url: url.replace("/db/", "/dev/") });
  assert.equal(await count("m", client), 10);
});

/* Large things. */

await check("20000 rows of 100 bytes come whole", async () => {
  const { rows } = await db.execute(`WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 20000)
    SELECT i, printf('%0100d', i) AS text FROM s`);
  assert.equal(rows.length, 20000);
  for (const i of [0, 9999, 19999]) {
    assert.equal(rows[i].i, i + 1);
    assert.equal(rows[i].text, String(i + 1).padStart(100, "0"));
  }
});

await check("a batch of 1000 inserts", async () => {
  await db.batch(Array.from({ length: 1000 }, (_, i) =>
    ({ sql: "INSERT INTO m VALUES (?)", args: [BigInt(i)] })), "write");
  assert.equal(await count("m"), 1010);
});

/* The client itself. */

await check("a closed client refuses, a reconnected one goes on", async () => {
  const client = open();
  assert.equal(client.protocol, "http");
  client.close();
  assert.equal(client.closed, true);
  await refusal(client.execute("SELECT 1"));
  await client.reconnect();
  assert.equal((await client.execute("SELECT 1")).rows[0][0], 1);
  client.close();
});

await check("sync is the client's refusal, not ours", async () =>
  refused(Promise.resolve().then(() => db.sync()), "SYNC_NOT_SUPPORTED"));

db.close();
await check("SIGTERM: the server ends with status 0", () => server.stop());

/* Expiry, on servers that are short of patience. */

await check("an idle transaction is rolled back and says STREAM_EXPIRED", async () => {
  const hasty = await start(binary, ["sqlite.stream_idle_seconds=1", "sqlite.busy_ms=0"]);
  const config = { url: await hasty.make("one"), authToken: WRITER };
  const [client, other] = [createClient(config), createClient(config)];
  await client.execute("CREATE TABLE t (x)");
  const tx = await client.transaction("write");
  await tx.execute("INSERT INTO t VALUES (1)");
  await refused(other.execute("INSERT INTO t VALUES (2)"), "SQLITE_BUSY");
  await until("the lock is free", () =>
    other.execute("INSERT INTO t VALUES (3)").then(() => true, (error) => {
      assert.equal(error.code, "SQLITE_BUSY");
      return false;
    }));
  await refused(tx.execute("INSERT INTO t VALUES (4)"), "STREAM_EXPIRED");
  await refusal(tx.commit());
  const { rows } = await other.execute("SELECT x FROM t");
  assert.deepEqual(rows.map((row) => row.x), [3]);
  await hasty.stop();
});

await check("a transaction held too long is rolled back and says TRANSACTION_TIMEOUT", async () => {
  const hasty = await start(binary, ["sqlite.transaction_seconds=1"]);
  const client = createClient({ url: await hasty.make("one"), authToken: WRITER });
  await client.execute("CREATE TABLE t (x)");
  const tx = await client.transaction("write");
  const error = await until("the transaction ends", () =>
    tx.execute("INSERT INTO t VALUES (1)").then(() => null, (e) => e));
  assert.equal(error.code, "TRANSACTION_TIMEOUT");
  assert.equal((await client.execute("SELECT count(*) FROM t")).rows[0][0], 0);
  await hasty.stop();
});

await check("results over the limits say RESPONSE_TOO_LARGE, queries over the time SQLITE_INTERRUPT", async () => {
  const strict = await start(binary, ["sqlite.rows_max=10", "sqlite.query_ms=200", "sqlite.value_bytes=1024"]);
  const client = createClient({ url: await strict.make("one"), authToken: WRITER });
  const series = (n) => `WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s LIMIT ${n}) `;
  assert.equal((await client.execute(`${series(10)} SELECT i FROM s`)).rows.length, 10);
  await refused(client.execute(`${series(11)} SELECT i FROM s`), "RESPONSE_TOO_LARGE");
  await refused(client.execute(`${series(-1)} SELECT count(*) FROM s`), "SQLITE_INTERRUPT");
  await refused(client.execute("SELECT length(zeroblob(2000))"), "SQLITE_TOOBIG");
  await strict.stop();
});

await check("clients whose connections are kept get their turn", async () => {
  const keeper = await start(binary, ["connection.keepalive_seconds=15"]);
  const config = { url: await keeper.make("one"), authToken: WRITER };
  for (const client of [createClient(config), createClient(config)])
    for (let i = 0; i < 2; i++) assert.equal((await client.execute(`SELECT ${i}`)).rows[0][0], i);
  await keeper.stop();
});

finish();
