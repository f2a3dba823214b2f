import { bcs } from '@mysten/sui/bcs'
import { type Address, SYSTEM } from './address.ts'
import { decodeCheckpoint } from './checkpoint.ts'
import { type Digest, digestAs } from './digest.ts'
import { damagedLedger } from './errors.ts'
import { FAUCET_ADDRESS, GENESIS_DIGEST } from './genesis.ts'
import type { LedgerObject } from './object.ts'
import { lowestOf } from './open.ts'
import { decodeObject, decodeTransaction } from './records.ts'
import type { StoredState } from './state.ts'
import { emptyBatch, type KeyValueStore } from './store/key-value.ts'
import { KEYS } from './store/keys.ts'

/** What was found to be whole. */
export interface LedgerReport {
  /** the newest checkpoint */
  height: bigint
  transactions: number
  /** live ones */
  objects: number
  /** that were there again although they had been deleted; removed */
  removed: number
}

/** Of an object: its digest after the last transaction that wrote it, or undefined when that deleted it. */
type Expected = Map<Address, Digest | undefined>

/**
 * Walks the chain of checkpoints and compares what it says with what is there: each checkpoint names the one before by
 * digest, its transactions and their effects likewise, and those say which objects there must be. Of a chain that was pruned
 * it is what is left that is compared; objects that were last written before are taken as they are.
 * @param dir named in errors
 * @throws LedgerStoreError LEDGER_DAMAGED
 */
export async function verifyLedger(store: KeyValueStore, dir: string): Promise<LedgerReport> {
  const damaged = (what: string, cause?: unknown) => damagedLedger(dir, what, cause)
  const need = async <T>(key: string, decode: (bytes: Uint8Array) => T): Promise<T> => {
    const bytes = await store.get(key)
    if (bytes === undefined) throw damaged(`${key} is missing`)
    try {
      return decode(bytes)
    } catch (cause) {
      throw damaged(`${key} cannot be read`, cause)
    }
  }

  const state = await need(KEYS.state, json<StoredState>)
  await need(KEYS.identity, json)
  const height = BigInt(state.height)
  const expected: Expected = new Map()
  let previous: Digest | undefined
  let transactions = 0
  const lowest = await lowestOf(store)
  for (let sequence = lowest; sequence <= height; sequence++) {
    const key = KEYS.checkpoint(sequence)
    const checkpoint = await need(key, decodeCheckpoint)
    const follows = checkpoint.previousDigest === previous || (sequence === lowest && lowest > 0n)
    if (checkpoint.sequence !== sequence || !follows) throw damaged(`${key} does not follow the one before`)
    if (digestAs('CheckpointContents', checkpoint.contents) !== checkpoint.contentDigest)
      throw damaged(`${key} has other contents than it says`)
    previous = checkpoint.digest
    for (const { transaction, effects } of checkpoint.transactions) {
      const name = KEYS.transaction(transaction)
      const record = await need(name, bytes => decodeTransaction(transaction, bytes))
      if (
        digestAs('TransactionData', record.transaction) !== transaction ||
        digestAs('TransactionEffects', record.effects) !== effects
      )
        throw damaged(`${name} is another than its checkpoint says`)
      note(expected, record.effects)
      transactions++
    }
  }
  return { height, transactions, ...(await checkObjects(store, expected, lowest > 0n, damaged)) }
}

function note(expected: Expected, bytes: Uint8Array): void {
  const effects = bcs.TransactionEffects.parse(bytes)
  for (const [id, { outputState }] of effects.V2?.changedObjects ?? []) {
    if (outputState.$kind === 'ObjectWrite') expected.set(id, outputState.ObjectWrite[0])
    else if (outputState.$kind === 'PackageWrite') expected.set(id, outputState.PackageWrite[1])
    else if (outputState.$kind === 'NotExist') expected.set(id, undefined)
  }
}

async function checkObjects(
  store: KeyValueStore,
  expected: Expected,
  isPruned: boolean,
  damaged: (what: string, cause?: unknown) => Error,
): Promise<{ objects: number; removed: number }> {
  const revived = emptyBatch()
  const seen = new Set<Address>()
  for await (const [key, bytes] of store.entries(KEYS.live)) {
    const id = key.slice(KEYS.live.length)
    let object: LedgerObject
    try {
      object = decodeObject(id, bytes)
    } catch (cause) {
      throw damaged(`${key} cannot be read`, cause)
    }
    seen.add(id)
    const isKnown = expected.has(id)
    const digest = expected.get(id)
    if (isKnown && digest === undefined) {
      revived.delete.add(key)
    } else if (
      !isWrittenBesides(object) &&
      (isKnown ? digest !== object.digest : !isPruned && !isGenesis(object))
    ) {
      throw damaged(`${key} is another than its last transaction wrote`)
    }
  }
  for (const [id, digest] of expected)
    if (digest !== undefined && !seen.has(id)) throw damaged(`${KEYS.object(id)} is missing`)
  if (revived.delete.size > 0) await store.write(revived)
  return { objects: seen.size - revived.delete.size, removed: revived.delete.size }
}

const isGenesis = (object: LedgerObject): boolean => object.previousTransaction === GENESIS_DIGEST

/** The ledger itself writes these, with no transaction that tells of it: system objects, funds, the faucet's coins. */
const isWrittenBesides = ({ id, owner }: LedgerObject): boolean =>
  SYSTEM_IDS.has(id) ||
  (owner.kind === 'object' && owner.address === SYSTEM.accumulatorRoot) ||
  (owner.kind === 'address' && owner.address === FAUCET_ADDRESS)

const SYSTEM_IDS: ReadonlySet<Address> = new Set(Object.values(SYSTEM))

const json = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes))
