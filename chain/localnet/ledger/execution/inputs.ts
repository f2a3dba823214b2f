import type { MoveType, Value } from '../../vm/index.ts'
import type { Address } from '../address.ts'
import type { MoveObject } from '../object.ts'

/** A transaction's object inputs and gas, checked and read from the ledger. */
export type LoadedInput =
  | { kind: 'pure'; bytes: Uint8Array }
  | { kind: 'object'; object: MoveObject; access: 'mutable' | 'readonly' | 'immutable' }
  | { kind: 'receiving'; object: MoveObject }
  | { kind: 'withdrawal'; owner: Address; coinType: string; limit: bigint }

/** The payer's funds as a gas payment. */
export interface GasFunds {
  owner: Address
  /** at most so much is taken: what was named, or the budget when nothing but funds pays */
  reserved: bigint
  /** they come first: coins are merged into them, and they get what is left. Otherwise the first coin does */
  isTarget: boolean
  /** there is a gas coin for the commands to use; not when the payment was left empty */
  hasCoin: boolean
}

export interface LoadedTransaction {
  inputs: LoadedInput[]
  /** coins that pay; the first one gets the others' balances. Empty when funds pay, and in a simulation without gas */
  gas: MoveObject[]
  gasFunds?: GasFunds
  /** MIST that cannot be spent by the commands */
  budget: bigint
}

/** Objects among the inputs. */
export const inputObjects = ({ inputs }: LoadedTransaction): MoveObject[] =>
  inputs.flatMap(entry => ('object' in entry ? [entry.object] : []))

/** A value that a PTB's arguments name: an input, the gas coin or a command's result. */
export interface Slot {
  /** undefined for a pure input, which has the type that its use asks for */
  type: MoveType | undefined
  /** the value, or nothing once it was moved */
  cell: Value[]
  bytes?: Uint8Array
  /** a pure input's values by the type they were used as */
  decoded?: Map<MoveType, Value[]>
  object?: MoveObject
  access?: 'mutable' | 'readonly' | 'immutable'
  isGas?: boolean
  /** the ID of a gas coin that holds funds and exists in the transaction only */
  madeFor?: Address
  /** `Receiving<T>`: the T is open */
  receiving?: { id: Address; version: bigint }
  /** was handed out by, or lent to, a public non-entry function: private entry functions refuse it */
  tainted: boolean
  /** the last use took it or a copy of it */
  usedByValue: boolean
}

export const newSlot = (slot: Partial<Slot>): Slot => ({
  type: undefined,
  cell: [],
  tainted: false,
  usedByValue: false,
  ...slot,
})
