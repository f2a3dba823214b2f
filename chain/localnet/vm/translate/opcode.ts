/**
 * The codes of instructions ready to run that are not the format's own: from 0x80 on, chosen by the types
 * that were inferred (bytecode does not say the type of `Add` or `CopyLoc`).
 */
export const OPCODE = {
  copyDeep: 0x80, // CopyLoc of what may be an array
  readDeep: 0x81, // ReadRef of what may be an array
  constDeep: 0x82, // LdConst of a vector
  eqDeep: 0x83,
  neqDeep: 0x84,
  eqRef: 0x85,
  neqRef: 0x86,
  callNative: 0x87,
  castNumber: 0x88, // number to number
  castToBig: 0x89, // number to bigint
  castToNumber: 0x8a, // bigint to number
  castBig: 0x8b, // bigint to bigint
  // on numbers (u8, u16, u32)
  addNumber: 0x90,
  subNumber: 0x91,
  mulNumber: 0x92,
  modNumber: 0x93,
  divNumber: 0x94,
  orNumber: 0x95,
  andNumber: 0x96,
  xorNumber: 0x97,
  shlNumber: 0x98,
  shrNumber: 0x99,
  packVariant: 0xa0,
  unpackVariant: 0xa1,
  unpackVariantRef: 0xa2,
} as const
