// client_tools.mjs - what people really use: query builders, object mappers and
// their migrations, each with a small program.
//
//     node client_tools.mjs build/fivefold-2
//
// Each makes tables, changes them, relates rows, keeps JSON, blobs, dates and
// large integers, rolls back, and meets an error. Where one fails by itself with
// any server, the check says so.
import { createClient } from "@libsql/client";
import { createClient as createWebClient } from "@libsql/client/web";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, finish, refusal, start, WRITER } from "./harness.mjs";

const require = createRequire(import.meta.url);
/* Some make files by themselves, or take an address for a file's name. */
const scratch = await mkdtemp(join(tmpdir(), "fivefold-tools."));
const server = await start(process.argv[2], ["server.access_log=off"]);
const BIG = 9007199254740993n;

/* ---- the web build of @libsql/client ---- */

await (async () => {
  const db = createWebClient({ url: await server.make("web"), authToken: WRITER });
  await check("web: a migration, with its foreign keys off", async () => {
    await db.migrate([
      "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
      "CREATE TABLE book (id INTEGER PRIMARY KEY, author REFERENCES author ON DELETE CASCADE, doc)",
    ]);
    await db.batch(["INSERT INTO author VALUES (1, 'a')", "INSERT INTO book VALUES (1, 1, '{}')"], "write");
    await db.migrate(["DROP TABLE author", "CREATE TABLE author (id INTEGER PRIMARY KEY, name)"]);
    assert.equal((await db.execute("SELECT count(*) FROM book")).rows[0][0], 1);
  });
  await check("web: what was inserted is known in a transaction", async () => {
    const tx = await db.transaction("write");
    await tx.execute("INSERT INTO author VALUES (7, 'b')");
    assert.equal((await tx.execute("SELECT last_insert_rowid()")).rows[0][0], 7);
    await tx.rollback();
    assert.equal((await db.execute("SELECT count(*) FROM author")).rows[0][0], 0);
  });
  await check("web: a number beyond 64 bits", async () => {
    const { rows } = await db.execute({ sql: "SELECT ?, typeof(?1)", args: [1e19] });
    assert.deepEqual(Array.from(rows[0]), [1e19, "real"]);
  });
  db.close();
})();

/* ---- a transaction that is rolled back under its client ---- */

await (async () => {
  const db = createClient({ url: await server.make("lost"), authToken: WRITER });
  await db.execute("CREATE TABLE t (a UNIQUE)");
  await db.execute("INSERT INTO t VALUES (1)");
  await check("after its rollback nothing of a transaction is kept", async () => {
    const tx = await db.transaction("write");
    await tx.execute("INSERT INTO t VALUES (2)");
    await refusal(tx.execute("INSERT OR ROLLBACK INTO t VALUES (1)"));
    const error = await refusal(tx.execute("INSERT INTO t VALUES (3)"));
    assert.match(error.message, /rolled back/);
    await tx.rollback();
    assert.equal((await db.execute("SELECT count(*) FROM t")).rows[0][0], 1);
  });
  await check("its commit is an error", async () => {
    const tx = await db.transaction("write");
    await refusal(tx.execute("INSERT OR ROLLBACK INTO t VALUES (1)"));
    assert.match((await refusal(tx.commit())).message, /rolled back/);
    assert.equal((await db.execute("SELECT count(*) FROM t")).rows[0][0], 1);
  });
  db.close();
})();

/* ---- drizzle-orm and its migrator ---- */

await (async () => {
  const { drizzle } = await import("drizzle-orm/libsql");
  const { migrate } = await import("drizzle-orm/libsql/migrator");
  const { blob, integer, real, sqliteTable, text } = await import("drizzle-orm/sqlite-core");
  const { eq, relations, sql } = await import("drizzle-orm");
  const client = createClient({ url: await server.make("drizzle"), authToken: WRITER });
  const author = sqliteTable("author", {
    id: integer("id").primaryKey({ autoIncrement: true }),
    name: text("name").notNull().unique(),
    born: integer("born", { mode: "timestamp" }),
    doc: text("doc", { mode: "json" }),
  });
  const book = sqliteTable("book", {
    id: integer("id").primaryKey(),
    author: integer("author").references(() => author.id, { onDelete: "cascade" }),
    cover: blob("cover", { mode: "buffer" }),
    sold: blob("sold", { mode: "bigint" }),
    price: real("price"),
  });
  const schema = {
    author, book,
    author_relations: relations(author, ({ many }) => ({ books: many(book) })),
    book_relations: relations(book, ({ one }) => ({
      writer: one(author, { fields: [book.author], references: [author.id] }),
    })),
  };
  const db = drizzle(client, { schema });
  const home = join(scratch, "drizzle");
  await mkdir(join(home, "meta"), { recursive: true });
  const steps = [
    "CREATE TABLE author (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, born INTEGER, doc TEXT);\n" +
    "--> statement-breakpoint\n" +
    "CREATE TABLE book (id INTEGER PRIMARY KEY, author INTEGER REFERENCES author (id) ON DELETE CASCADE, cover BLOB, sold BLOB);",
    /* As drizzle-kit rebuilds a table. */
    "PRAGMA foreign_keys=OFF;--> statement-breakpoint\n" +
    "CREATE TABLE __new_author (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, born INTEGER, doc TEXT);--> statement-breakpoint\n" +
    "INSERT INTO __new_author SELECT id, name, born, doc FROM author;--> statement-breakpoint\n" +
    "DROP TABLE author;--> statement-breakpoint\n" +
    "ALTER TABLE __new_author RENAME TO author;--> statement-breakpoint\n" +
    "PRAGMA foreign_keys=ON;--> statement-breakpoint\n" +
    "CREATE UNIQUE INDEX author_name ON author (name);--> statement-breakpoint\n" +
    "ALTER TABLE book ADD COLUMN price REAL;",
  ];
  const journal = (n) => writeFile(join(home, "meta", "_journal.json"), JSON.stringify({
    version: "7", dialect: "sqlite",
    entries: steps.slice(0, n).map((_, idx) => ({ idx, version: "6", when: 1000 + idx, tag: `000${idx}_step`, breakpoints: true })),
  }));
  for (const [i, step] of steps.entries()) await writeFile(join(home, `000${i}_step.sql`), step);

  await check("drizzle: a first migration", async () => {
    await journal(1);
    await migrate(db, { migrationsFolder: home });
    await db.insert(author).values({ name: "a", born: new Date(86400000), doc: { list: [1, "x"] } });
    await client.execute("INSERT INTO book (id, author) VALUES (1, 1)");
  });
  await check("drizzle: a migration that rebuilds a table loses no rows of others", async () => {
    await journal(2);
    await migrate(db, { migrationsFolder: home });
    assert.equal((await client.execute("SELECT count(*) FROM book")).rows[0][0], 1);
    await migrate(db, { migrationsFolder: home }); /* nothing more to do */
  });
  await check("drizzle: JSON, dates, blobs, large integers, relations", async () => {
    await db.insert(book).values({ id: 2, author: 1, cover: Buffer.from([0, 255]), sold: BIG, price: 1e19 });
    /* Relations come as JSON, which cannot hold blobs: with any server. */
    const [found] = await db.query.author.findMany({
      with: { books: { columns: { id: true, price: true }, orderBy: (b, { desc }) => desc(b.id) } },
    });
    assert.deepEqual(found.doc, { list: [1, "x"] });
    assert.equal(found.born.getTime(), 86400000);
    assert.equal(found.books[0].price, 1e19);
    const [row] = await db.select().from(book).where(eq(book.id, 2));
    assert.equal(row.sold, BIG);
    assert.deepEqual([...row.cover], [0, 255]);
  });
  await check("drizzle: a transaction rolls back, and an error is one", async () => {
    await refusal(db.transaction(async (tx) => {
      await tx.insert(author).values({ name: "b" });
      await tx.insert(author).values({ name: "a" });
    }));
    assert.equal((await db.select().from(author)).length, 1);
    const [row] = await db.update(author).set({ name: "c" }).where(eq(author.id, 1)).returning();
    assert.equal(row.name, "c");
    const [json] = await db.all(sql`SELECT json_extract(doc, '$.list[1]') AS x FROM author`);
    assert.equal(json.x, "x");
  });
  client.close();
})();

/* ---- knex ---- */

await (async () => {
  const knex = require("knex");
  const Dialect = require("@libsql/knex-libsql");
  const url = (await server.make("knex")) + `?authToken=${WRITER}`;
  const db = knex({ client: Dialect.default ?? Dialect, connection: { filename: url }, useNullAsDefault: true });
  const children = async () => (await db("child").count({ n: "*" }))[0].n;
  await check("knex: tables with keys", async () => {
    await db.schema.createTable("parent", (t) => { t.increments("id"); t.string("name"); t.string("old"); });
    await db.schema.createTable("child", (t) => {
      t.increments("id");
      t.integer("parent").references("id").inTable("parent").onDelete("CASCADE");
    });
    await db("parent").insert({ name: "p", old: "x" });
    await db("child").insert({ parent: 1 });
    assert.equal(await children(), 1);
  });
  await check("knex: dropColumn loses no rows of other tables", async () => {
    await db.schema.alterTable("parent", (t) => { t.dropColumn("old"); });
    assert.equal(await children(), 1);
    assert.equal((await db("parent").first()).old, undefined);
  });
  await check("knex: dropNullable loses none either", async () => {
    await db.schema.alterTable("parent", (t) => { t.dropNullable("name"); });
    assert.equal(await children(), 1);
    await refusal(db("parent").insert({ name: null }));
  });
  await check("knex: a transaction rolls back", async () => {
    await refusal(db.transaction(async (tx) => {
      await tx("parent").insert({ name: "gone" });
      await tx("nowhere").insert({ a: 1 });
    }));
    assert.equal((await db("parent").where({ name: "gone" })).length, 0);
  });
  await db.destroy();
})();

/* ---- kysely ---- */

await (async () => {
  const { Kysely, sql } = await import("kysely");
  const { LibsqlDialect } = await import("@libsql/kysely-libsql");
  const db = new Kysely({ dialect: new LibsqlDialect({ url: await server.make("kysely"), authToken: WRITER }) });
  await check("kysely: a schema, JSON and a join", async () => {
    await db.schema.createTable("owner").addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
      .addColumn("name", "text", (c) => c.notNull().unique()).execute();
    await db.schema.createTable("pet").addColumn("id", "integer", (c) => c.primaryKey())
      .addColumn("owner", "integer", (c) => c.references("owner.id")).addColumn("doc", "text").execute();
    const done = await db.insertInto("owner").values({ name: "o" }).executeTakeFirst();
    assert.equal(done.insertId, 1n);
    await db.insertInto("pet").values({ id: 1, owner: 1, doc: JSON.stringify({ legs: 4 }) }).execute();
    const row = await db.selectFrom("pet").innerJoin("owner", "owner.id", "pet.owner")
      .select(["owner.name", sql`json_extract(pet.doc, '$.legs')`.as("legs")]).executeTakeFirst();
    assert.deepEqual({ ...row }, { name: "o", legs: 4 });
  });
  await check("kysely: a transaction rolls back", async () => {
    await refusal(db.transaction().execute(async (tx) => {
      await tx.insertInto("owner").values({ name: "gone" }).execute();
      await tx.insertInto("owner").values({ name: "o" }).execute();
    }));
    assert.equal((await db.selectFrom("owner").selectAll().execute()).length, 1);
  });
  await check("kysely: introspection", async () => {
    const tables = await db.introspection.getTables();
    assert.deepEqual(tables.map((t) => t.name).sort(), ["owner", "pet"]);
  });
  await db.destroy();
})();

/* ---- the native library ---- */

await (async () => {
  const Database = require("libsql");
  const url = (await server.make("native")).replace(/\/$/, "");
  const db = new Database(url, { authToken: WRITER });
  const plain = ({ _metadata, ...row }) => row;
  await check("native: writes and reads", async () => {
    db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)");
    const done = db.prepare("INSERT INTO t (a, b) VALUES (?, ?)").run("x", 1.5);
    assert.equal(done.changes, 1);
    assert.deepEqual(plain(db.prepare("SELECT a, b FROM t").get()), { a: "x", b: 1.5 });
  });
  await check("native: an infinite result loses nothing else", async () => {
    assert.deepEqual(plain(db.prepare("SELECT 9e999 AS a, 2 AS b").get()), { a: null, b: 2 });
  });
  db.close();
})();

/* ---- MikroORM ---- */

await (async () => {
  const { MikroORM, EntitySchema } = await import("@mikro-orm/libsql");
  const Owner = new EntitySchema({
    name: "Owner",
    properties: {
      id: { type: "integer", primary: true, autoincrement: true },
      name: { type: "string", unique: true },
      since: { type: "Date", nullable: true },
      doc: { type: "json", nullable: true },
      pets: { kind: "1:m", entity: "Pet", mappedBy: "owner" },
    },
  });
  const Pet = new EntitySchema({
    name: "Pet",
    properties: {
      id: { type: "integer", primary: true },
      photo: { type: "blob", nullable: true },
      owner: { kind: "m:1", entity: "Owner", deleteRule: "cascade" },
    },
  });
  const dbName = (await server.make("mikro")).replace(/\/$/, "");
  /* The native library says BEGIN and what has a result by /v3/cursor, and what
   * has none by /v3/pipeline, with "close" behind it, as it has not noticed the
   * transaction. So none of MikroORM's with a plain INSERT in it can be
   * committed, with any server: "no transaction is active". */
  process.chdir(scratch);
  const orm = await MikroORM.init({
    entities: [Owner, Pet], dbName, password: WRITER, debug: false, implicitTransactions: false,
  });
  await check("mikro: the schema is made, and is then up to date", async () => {
    await orm.schema.createSchema();
    assert.equal((await orm.schema.getUpdateSchemaSQL()).trim(), "");
  });
  await check("mikro: entities with relations, dates, JSON and blobs", async () => {
    const em = orm.em.fork();
    const owner = em.create("Owner", { name: "o", since: new Date(86400000), doc: { a: [1] } });
    em.create("Pet", { id: 1, owner, photo: Buffer.from([0, 255]) });
    await em.flush();
    const found = await orm.em.fork().findOneOrFail("Owner", { name: "o" }, { populate: ["pets"] });
    assert.equal(found.id, 1);
    assert.equal(found.since.getTime(), 86400000);
    assert.deepEqual(found.doc, { a: [1] });
    assert.deepEqual([...Buffer.from(found.pets[0].photo)], [0, 255]);
  });
  await check("mikro: an error is one", async () => {
    const em = orm.em.fork();
    em.create("Owner", { name: "o" });
    const error = await refusal(em.flush());
    assert.match(error.message, /UNIQUE constraint failed/);
    assert.equal(await orm.em.fork().count("Owner"), 1);
  });
  await check("mikro: a transaction of the native library (its own fault)", async () => {
    const em = orm.em.fork();
    const error = await refusal(em.transactional(async (inner) => {
      inner.create("Pet", { id: 2, owner: inner.getReference("Owner", 1) });
    }));
    assert.match(error.message, /no transaction is active/);
  });
  await orm.close(true);
})();

/* ---- Prisma's adapter, as its client calls it ---- */

await (async () => {
  const { PrismaLibSql } = await import("@prisma/adapter-libsql");
  const factory = new PrismaLibSql({
    url: await server.make("prisma"), authToken: WRITER, intMode: "bigint",
  });
  const adapter = await factory.connect();
  const type = (scalarType) => ({ scalarType, arity: "scalar" });
  const insert = (id, at) => ({
    sql: "INSERT INTO item (id, at, big, raw, doc) VALUES (?, ?, ?, ?, ?) RETURNING id",
    args: [id, at, String(BIG), "AP8=", '{"a":[1]}'],
    argTypes: [type("int"), type("datetime"), type("bigint"), type("bytes"), type("json")],
  });
  const all = { sql: "SELECT id, at, big, raw, doc FROM item ORDER BY id", args: [], argTypes: [] };
  await check("prisma: a migration's script", () => adapter.executeScript(
    `PRAGMA foreign_keys=OFF;
     CREATE TABLE item (id INTEGER NOT NULL PRIMARY KEY, at DATETIME NOT NULL, big BIGINT, raw BLOB, doc JSONB);
     CREATE TABLE part (item INTEGER NOT NULL REFERENCES item (id) ON DELETE RESTRICT);
     PRAGMA foreign_keys=ON;`));
  await check("prisma: dates, blobs, JSON and large integers", async () => {
    await adapter.queryRaw(insert(1, "2020-02-03T04:05:06.789Z"));
    const { rows, columnTypes } = await adapter.queryRaw(all);
    assert.deepEqual(rows, [["1", "2020-02-03T04:05:06.789+00:00", String(BIG), new Uint8Array([0, 255]), '{"a":[1]}']]);
    assert.equal(columnTypes.length, 5);
  });
  await check("prisma: a transaction, and a part of it that is taken back", async () => {
    const tx = await adapter.startTransaction("SERIALIZABLE");
    await tx.queryRaw(insert(2, "2020-01-01T00:00:00Z"));
    await tx.createSavepoint("s1");
    await tx.queryRaw(insert(3, "2020-01-01T00:00:00Z"));
    await tx.rollbackToSavepoint("s1");
    await tx.commit();
    assert.deepEqual((await adapter.queryRaw(all)).rows.map((row) => row[0]), ["1", "2"]);
    const undone = await adapter.startTransaction();
    await undone.executeRaw({ sql: "DELETE FROM item", args: [], argTypes: [] });
    await undone.rollback();
    assert.equal((await adapter.queryRaw(all)).rows.length, 2);
  });
  await check("prisma: errors, and counts of rows", async () => {
    assert.match((await refusal(adapter.queryRaw(insert(1, "2020-01-01T00:00:00Z")))).cause.message, /UNIQUE/);
    const part = { sql: "INSERT INTO part VALUES (?)", args: [9], argTypes: [type("int")] };
    assert.match((await refusal(adapter.executeRaw(part))).cause.message, /FOREIGN KEY/);
    assert.equal(await adapter.executeRaw({ ...part, args: [2] }), 1);
    assert.equal(await adapter.executeRaw({ sql: "UPDATE item SET raw = NULL", args: [], argTypes: [] }), 2);
  });
  await adapter.dispose();
})();

await server.stop();
await rm(scratch, { recursive: true });
finish();
