/* vfs.h - where SQLite finds its files: beneath the directory that is held
 * open. */
#ifndef FIVEFOLD_SQL_VFS_H
#define FIVEFOLD_SQL_VFS_H

struct sql;

#define SQL_VFS "fivefold"

/* Fills sql->beneath. SQLite's VFS (its layer for files) of the name SQL_VFS
 * opens paths that begin with it. Called by sql_open. Returns 0, or -1 with
 * errno: it does not work without /proc. */
int sql_vfs_open(struct sql *sql);

#endif
