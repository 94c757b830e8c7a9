/* version.h - the version that --version, /-/stats, the manual and the package
 * show. */
#ifndef FIVEFOLD_BASE_VERSION_H
#define FIVEFOLD_BASE_VERSION_H

#define FIVEFOLD_VERSION "0.3"
#define FIVEFOLD_DATE    "November 25, 2026"

#endif
