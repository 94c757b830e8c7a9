/* sql_macros.h - requests of the Hrana protocol, written short. */
#ifndef SUITE_SQL_MACROS_H
#define SUITE_SQL_MACROS_H

#define V2     "/db/t/v2/pipeline"
#define V3     "/db/t/v3/pipeline"
#define CURSOR "/db/t/v3/cursor"

#define INTEGER(digits)  "{\"type\":\"integer\",\"value\":\"" digits "\"}"
#define TEXT_VALUE(text) "{\"type\":\"text\",\"value\":\"" text "\"}"
#define BLOB(base64)     "{\"type\":\"blob\",\"base64\":\"" base64 "\"}"
#define NAMED(name, digits)                                                    \
    "{\"name\":\"" name "\",\"value\":" INTEGER(digits) "}"

#define STMT(sql)    "{\"sql\":\"" sql "\"}"
#define EXECUTE(sql) "{\"type\":\"execute\",\"stmt\":" STMT(sql) "}"
#define EXECUTE_WITH(sql, more)                                                \
    "{\"type\":\"execute\",\"stmt\":{\"sql\":\"" sql "\"," more "}}"
#define SEQUENCE(sql)         "{\"type\":\"sequence\",\"sql\":\"" sql "\"}"
#define BATCH(steps)          "{\"type\":\"batch\",\"batch\":{\"steps\":[" steps "]}}"
#define BATCH2(a, b)          BATCH(a "," b)
#define BATCH4(a, b, c, d)    BATCH(a "," b "," c "," d)
#define BATCH5(a, b, c, d, e) BATCH(a "," b "," c "," d "," e)
#define STEP(sql)             "{\"stmt\":" STMT(sql) "}"
#define STEP_IF(condition, sql)                                                \
    "{\"condition\":" condition ",\"stmt\":" STMT(sql) "}"
#define IF_OK(step)        "{\"type\":\"ok\",\"step\":" step "}"
#define IF_ERROR(step)     "{\"type\":\"error\",\"step\":" step "}"
#define IF_NOT(condition)  "{\"type\":\"not\",\"cond\":" condition "}"
#define IF_AND(conditions) "{\"type\":\"and\",\"conds\":[" conditions "]}"
#define IF_OR(conditions)  "{\"type\":\"or\",\"conds\":[" conditions "]}"
#define IF_AUTOCOMMIT      "{\"type\":\"is_autocommit\"}"

#define PIPE_BODY(requests) "{\"requests\":[" requests "]}"
#define PIPELINE(requests)  POST(V2, PIPE_BODY(requests))
#define PIPELINE3(requests) POST(V3, PIPE_BODY(requests))
#define WITH_BATON(requests)                                                   \
    POST(V2, "{\"baton\":\"{{baton}}\",\"requests\":[" requests "]}")
#define CLOSE_STREAM "{\"type\":\"close\"}"

#endif
