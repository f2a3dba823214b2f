/** What Move allows as the name of a module, function, datatype or field. */
export const IDENTIFIER = /^(?:[A-Za-z_$][A-Za-z0-9_$]*|<SELF>)$/
