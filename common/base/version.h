/* version.h - what --version, /-/stats, the manual and the package say. */
#ifndef FIVEFOLD_VERSION_H
#define FIVEFOLD_VERSION_H

#define FIVEFOLD_VERSION "0.3"
#define FIVEFOLD_DATE    "November 25, 2026"

#endif
