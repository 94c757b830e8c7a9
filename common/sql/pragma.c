/* pragma.c - which PRAGMAs a client may use, and for what. pragma.h
 * explains the rules; guard.c and text.c apply them. */
#include "sql/pragma.h"

static const struct {
    const char *name;
    enum sql_pragma_rule rule;
} pragmas[] = {
    {"application_id", PRAGMA_WRITE},
    {"auto_vacuum", PRAGMA_READ},
    {"automatic_index", PRAGMA_READ},
    {"busy_timeout", PRAGMA_READ},
    {"cache_size", PRAGMA_READ},
    {"cache_spill", PRAGMA_READ},
    {"cell_size_check", PRAGMA_READ},
    {"checkpoint_fullfsync", PRAGMA_READ},
    {"collation_list", PRAGMA_READ},
    {"compile_options", PRAGMA_READ},
    {"data_version", PRAGMA_READ},
    {"defer_foreign_keys", PRAGMA_SETTING},
    {"encoding", PRAGMA_READ},
    {"foreign_key_check", PRAGMA_ARGUMENT},
    {"foreign_key_list", PRAGMA_ARGUMENT},
    {"foreign_keys", PRAGMA_SETTING},
    {"freelist_count", PRAGMA_READ},
    {"fullfsync", PRAGMA_READ},
    {"function_list", PRAGMA_READ},
    {"ignore_check_constraints", PRAGMA_READ},
    {"index_info", PRAGMA_ARGUMENT},
    {"index_list", PRAGMA_ARGUMENT},
    {"index_xinfo", PRAGMA_ARGUMENT},
    {"integrity_check", PRAGMA_CHECK},
    {"journal_mode", PRAGMA_WAL},
    {"journal_size_limit", PRAGMA_READ},
    {"legacy_alter_table", PRAGMA_SETTING},
    {"locking_mode", PRAGMA_READ},
    {"max_page_count", PRAGMA_READ},
    {"mmap_size", PRAGMA_READ},
    {"module_list", PRAGMA_READ},
    {"optimize", PRAGMA_ANALYZE},
    {"page_count", PRAGMA_READ},
    {"page_size", PRAGMA_READ},
    {"pragma_list", PRAGMA_READ},
    {"query_only", PRAGMA_READ},
    {"quick_check", PRAGMA_CHECK},
    {"read_uncommitted", PRAGMA_SETTING},
    {"recursive_triggers", PRAGMA_SETTING},
    {"reverse_unordered_selects", PRAGMA_READ},
    {"schema_version", PRAGMA_READ},
    {"secure_delete", PRAGMA_READ},
    {"synchronous", PRAGMA_READ},
    {"table_info", PRAGMA_ARGUMENT},
    {"table_list", PRAGMA_ARGUMENT},
    {"table_xinfo", PRAGMA_ARGUMENT},
    {"temp_store", PRAGMA_READ},
    {"trusted_schema", PRAGMA_READ},
    {"user_version", PRAGMA_WRITE},
    {"wal_autocheckpoint", PRAGMA_READ},
    {"writable_schema", PRAGMA_READ},
};

enum sql_pragma_rule sql_pragma_rule(struct text name)
{
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0]; i++)
        if (text_equal_nocase(name, text_of(pragmas[i].name)))
            return pragmas[i].rule;
    return PRAGMA_REFUSED;
}
