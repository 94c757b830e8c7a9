-- requests.lua KIND - what wrk sends, and the one line that it reports.
--
-- KIND is get (the URL, always the same), select, pipeline, insert, or
-- node-select, node-insert. Requests are put together beforehand: wrk shall
-- spend its time on sending.

local DIFFERENT = 1024 -- requests, sent in turn
local ROWS = 100000    -- in the table item

local JSON = { ["Content-Type"] = "application/json" }

local function statement(sql, arguments)
   return string.format('{"requests":[{"type":"execute","stmt":{"sql":"%s",' ..
      '"args":[%s]}},{"type":"close"}]}', sql, arguments)
end

local kinds = {}

function kinds.select(id)
   return wrk.format("GET", "/db/bench/query?sql=SELECT+id,name,price+FROM+" ..
      "item+WHERE+id=:id&id=" .. id)
end

function kinds.pipeline(id)
   return wrk.format("POST", "/db/bench/v2/pipeline", JSON, statement(
      "SELECT id,name,price FROM item WHERE id=?",
      string.format('{"type":"integer","value":"%d"}', id)))
end

function kinds.insert(id)
   return wrk.format("POST", "/db/bench/v2/pipeline", JSON, statement(
      "INSERT INTO added (name, price) VALUES (?, ?)",
      string.format('{"type":"text","value":"item %d"},' ..
         '{"type":"float","value":%d.5}', id, id)))
end

kinds["node-select"] = function(id)
   return wrk.format("GET", "/item/" .. id)
end

kinds["node-insert"] = function(id)
   return wrk.format("POST", "/item", JSON,
      string.format('{"name":"item %d","price":%d.5}', id, id))
end

function init(args)
   local make = kinds[args[1]]
   if not make then
      return -- wrk's own constant request
   end
   local ready, next = {}, 0
   math.randomseed(5) -- the same ones for each server
   for i = 1, DIFFERENT do
      ready[i] = make(math.random(ROWS))
   end
   request = function()
      next = next % DIFFERENT + 1
      return ready[next]
   end
end

function done(summary)
   local e = summary.errors
   io.write(string.format("counted %d %d %d %d\n", summary.requests, e.status,
      e.connect + e.read + e.write + e.timeout, summary.bytes))
end
