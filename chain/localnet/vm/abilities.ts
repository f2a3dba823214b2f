/** Abilities as bits of a set, as in the binary format. */
export const copyable = 1
export const droppable = 2
export const storable = 4
export const hasKey = 8

/** Of bool, integers, address. */
export const primitiveAbilities = copyable | droppable | storable
