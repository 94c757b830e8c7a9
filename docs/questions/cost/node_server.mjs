// node_server.mjs PORT DATABASE - what one writes today to put SQLite behind
// HTTP in node: fastify and better-sqlite3, one process. Everything that makes
// it cheap is done: each statement is prepared once, answers have a schema, no
// log. With - versions it prints the versions and ends.
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import fastify from "fastify";

const [port, path] = process.argv.slice(2);

if (path === "versions") {
  const of = (name) => JSON.parse(readFileSync(
    new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
  const sqlite = new Database(":memory:")
    .prepare("SELECT sqlite_version()").pluck().get();
  console.log(`fastify ${of("fastify")}, better-sqlite3 ` +
    `${of("better-sqlite3")} (SQLite ${sqlite})`);
  process.exit(0);
}

const db = new Database(path, { fileMustExist: true });
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL"); // its own default in WAL is NORMAL

const select = db.prepare("SELECT id, name, price FROM item WHERE id = ?");
const insert = db.prepare("INSERT INTO added (name, price) VALUES (?, ?)");

const number = { type: "integer" };
const app = fastify();

app.get("/item/:id", {
  schema: {
    params: { type: "object", properties: { id: number } },
    response: {
      200: {
        type: "object",
        properties: {
          id: number, name: { type: "string" }, price: { type: "number" },
        },
      },
    },
  },
}, (request, reply) => {
  const row = select.get(request.params.id);
  if (row === undefined)
    reply.code(404).send({ message: "no such item" });
  else
    reply.send(row);
});

app.post("/item", {
  schema: {
    body: {
      type: "object",
      required: ["name", "price"],
      properties: { name: { type: "string" }, price: { type: "number" } },
    },
    response: { 200: { type: "object", properties: { id: number } } },
  },
}, (request, reply) => {
  const { name, price } = request.body;
  reply.send({ id: insert.run(name, price).lastInsertRowid });
});

for (const signal of ["SIGTERM", "SIGINT"])
  process.on(signal, () => process.exit(0));
await app.listen({ host: "127.0.0.1", port: Number(port), backlog: 511 });
