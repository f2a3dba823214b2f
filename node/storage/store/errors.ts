import { CodedError } from '../../../base/coded-error.ts'

/** Why a node's store cannot be opened or used. The list is closed. */
export interface StoreErrorDetails {
  /** Written by a later version of Floe. */
  STORE_NEWER: { path: string; storeVersion: number; supportedVersion: number }
  /** It belongs to another network (system object ID) than the one asked for. */
  STORE_FOREIGN: { path: string; storeNetwork: string; expectedNetwork: string }
  /** Its first record or another one that everything depends on cannot be read. */
  STORE_DAMAGED: { path: string; record: string }
  /** Another process, or this one, has it open. */
  STORE_LOCKED: { path: string }
  /** No migration leads from its version to the present one. */
  STORE_UNSUPPORTED: { path: string; storeVersion: number; supportedVersion: number }
  /** Written by an earlier version, and not to be changed now. */
  STORE_OLDER: { path: string; storeVersion: number; expectedVersion: number }
  STORE_CLOSED: { path: string }
}

/** The closed list of codes; `StoreErrorDetails` says what each means and carries. */
export type StoreErrorCode = keyof StoreErrorDetails

/** The one error class of the store: a closed `code` and the data that belongs to it. */
export class StoreError<Code extends StoreErrorCode = StoreErrorCode> extends CodedError<
  StoreErrorDetails,
  Code
> {
  override readonly name = 'StoreError'
}

/** STORE_DAMAGED, with what to do. */
export function damagedStore(path: string, record: string, cause?: unknown): StoreError<'STORE_DAMAGED'> {
  return new StoreError(
    'STORE_DAMAGED',
    `the store ${path} is damaged (${record}); its slivers are kept: run \`floe up --repair\`, or for a node of your own \`floe node check --repair\`, to rebuild its index from them`,
    { path, record },
    { cause },
  )
}
