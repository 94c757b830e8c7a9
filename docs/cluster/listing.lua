-- listing.lua - GET /db/ of a cluster: every instance is asked for its own
-- databases, as the client who asks, and the answers are put together.
--
-- One that does not answer makes the whole 503: a list in which databases are
-- missing says that they are not there.

local function instances()
    local list = {}
    for name, backend in pairs(core.backends) do
        local number = tonumber(name:match("^instance%-(%d+)$"))
        if number then list[number] = backend.servers["it"]:get_addr() end
    end
    return list
end

-- The field's values as one, or nil.
local function field(headers, name)
    local values = headers[name]
    if not values then return nil end
    local list = { values[0] }
    for _, value in ipairs(values) do list[#list + 1] = value end
    return table.concat(list, ", ")
end

local function answer(applet, status, fields, body)
    applet:set_status(status)
    fields["content-length"] = tostring(#body)
    fields["x-content-type-options"] = "nosniff"
    for name, value in pairs(fields) do applet:add_header(name, value) end
    applet:start_response()
    if applet.method ~= "HEAD" then applet:send(body) end
end

local function unavailable(applet, number)
    local message = "instance " .. number .. " does not answer; try again"
    answer(applet, 503, {
        ["content-type"] = "application/json",
        ["retry-after"] = "1",
    }, string.format('{"message":"%s","code":"UNAVAILABLE","error":"%s"}',
        message, message))
end

-- Names have letters, digits, _ and - alone: nothing to escape.
local function page(entries)
    local lines = { "<!DOCTYPE html><title>Databases</title><h1>Databases</h1><ul>" }
    for _, entry in ipairs(entries) do
        local name = entry:match('"name":"([%w_-]+)"')
        lines[#lines + 1] = string.format('<li><a href="%s/">%s</a>', name, name)
    end
    lines[#lines + 1] = "</ul>"
    return table.concat(lines, "\n") .. "\n"
end

core.register_service("databases", "http", function(applet)
    local headers, entries, origin = applet.headers, {}, nil
    local forwarded = field(headers, "x-forwarded-for")
    local source = applet.f:src()
    local ask = {
        ["accept"] = { "application/json" },
        ["x-forwarded-for"] = { forwarded and forwarded .. ", " .. source or source },
    }
    local authorization = field(headers, "authorization")
    if authorization then ask["authorization"] = { authorization } end
    for number, address in ipairs(instances()) do
        local got = core.httpclient():get {
            url = "http://" .. address .. "/db/", headers = ask, timeout = 5000,
        }
        -- For an instance that is down the client makes up a 503 in HTML.
        local list = got.status == 200 and (got.body or ""):match("%[(.*)%]")
        if not got.status or got.status >= 500 or got.status == 200 and not list then
            return unavailable(applet, number)
        elseif got.status ~= 200 then
            local fields = {}
            for _, name in ipairs { "content-type", "www-authenticate", "retry-after" } do
                fields[name] = field(got.headers, name)
            end
            return answer(applet, got.status, fields, got.body or "")
        end
        origin = field(got.headers, "access-control-allow-origin")
        for entry in list:gmatch("{[^}]*}") do
            entries[#entries + 1] = entry
        end
    end
    table.sort(entries)
    local fields = { ["cache-control"] = "no-store", ["access-control-allow-origin"] = origin }
    if (field(headers, "accept") or ""):find("text/html", 1, true) then
        fields["content-type"] = "text/html; charset=utf-8"
        fields["content-security-policy"] = "default-src 'none'; frame-ancestors 'self'"
        return answer(applet, 200, fields, page(entries))
    end
    fields["content-type"] = "application/json"
    answer(applet, 200, fields, '{"databases":[' .. table.concat(entries, ",") .. "]}\n")
end)
