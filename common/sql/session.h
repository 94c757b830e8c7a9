/* session.h - what SQL functions can ask about a client's writes: three numbers
 * that go from one connection to the next in the client's baton. */
#ifndef FIVEFOLD_SQL_SESSION_H
#define FIVEFOLD_SQL_SESSION_H

#include "sql/internal.h"

enum { SQL_SESSION_BYTES = 80 }; /* longest baton that holds a session */

/* Replaces changes() and total_changes() by our own. Returns SQLite's result
 * code. */
int sql_session_functions(struct sql_connection *connection);

/* From now on the connection works for another client. session says what that
 * client has written before. */
void sql_session_start(struct sql_connection *connection,
                       struct sql_session session);

/* Reads the session that a baton holds. Returns false if it holds none; do not
 * use *session then. */
bool sql_session_read(struct text baton, struct sql_session *session);

/* Writes the connection's session as a baton, or "" if there is nothing to
 * remember. */
void sql_session_write(const struct sql_connection *connection,
                       char baton[SQL_SESSION_BYTES + 1]);

#endif
