/* order.h - things in order, each of which can leave at any time: by last use,
 * by when they expire.
 *
 * The link is a member of the thing, so nothing is allocated, and a thing in
 * two lists has two links. Not locked. */
#ifndef FIVEFOLD_ORDER_H
#define FIVEFOLD_ORDER_H

#include "base/owner.h"

struct order_link {
    struct order_link *earlier, *later;
};

struct order { /* all zero: empty */
    struct order_link *first, *last;
};

/* Puts link, which is in no list, behind the last. */
static inline void order_append(struct order *order, struct order_link *link)
{
    link->earlier = order->last;
    link->later = NULL;
    if (order->last != NULL)
        order->last->later = link;
    else
        order->first = link;
    order->last = link;
}

/* Takes link out of the list that it is in. */
static inline void order_remove(struct order *order, struct order_link *link)
{
    if (link->earlier != NULL)
        link->earlier->later = link->later;
    else
        order->first = link->later;
    if (link->later != NULL)
        link->later->earlier = link->earlier;
    else
        order->last = link->earlier;
}

/* It has been used: moves link, which is in the list, behind the last. */
static inline void order_touch(struct order *order, struct order_link *link)
{
    if (order->last == link)
        return;
    order_remove(order, link);
    order_append(order, link);
}

#endif
