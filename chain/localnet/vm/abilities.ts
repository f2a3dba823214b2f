/** Abilities as bits of a set, as in the binary format. */
export const COPYABLE = 1
export const DROPPABLE = 2
export const STORABLE = 4
export const HAS_KEY = 8

/** Of bool, integers, address. */
export const PRIMITIVE_ABILITIES = COPYABLE | DROPPABLE | STORABLE
