/* negotiate.c - see negotiate.h. */
#include "http/negotiate.h"

/* Returns a weight in thousandths: "0.5" is 500. Returns 0 if text is not a
 * weight, as with more than three decimals or a value above 1. */
static unsigned read_weight(struct text text)
{
    if (text.length == 0 || text.length > 5 || text.data[0] < '0' ||
        text.data[0] > '1' || (text.length > 1 && text.data[1] != '.'))
        return 0;
    unsigned weight = (unsigned)(text.data[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < text.length; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        weight += (unsigned)((size_t)(text.data[i] - '0') * unit);
    }
    return weight > 1000 ? 0 : weight;
}

bool negotiate_next(struct text *list, struct text *name, unsigned *weight)
{
    if (list->data == NULL)
        return false;
    struct text parameters = text_split(list, ',');
    *name = text_trim(text_split(&parameters, ';'));
    *weight = 1000;
    while (parameters.data != NULL) {
        struct text parameter = text_trim(text_split(&parameters, ';'));
        if (parameter.length >= 2 && (parameter.data[0] | 0x20) == 'q' &&
            parameter.data[1] == '=') {
            *weight = read_weight(
                (struct text){parameter.data + 2, parameter.length - 2});
            break;
        }
    }
    return true;
}

int negotiate_weight(const struct http_request *request, struct text field,
                     struct text name)
{
    size_t at = 0;
    struct text list, element;
    unsigned weight;
    while ((list = http_field_next(request, field, &at)).data != NULL)
        while (negotiate_next(&list, &element, &weight))
            if (text_equal_nocase(element, name))
                return (int)weight;
    return -1;
}
