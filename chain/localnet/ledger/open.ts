import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../base/clock.ts'
import { type BlsVerifier, createVm, type Vm } from '../vm/index.ts'
import { type Address, SYSTEM } from './address.ts'
import { ChainClock } from './chain-clock.ts'
import { decodeCheckpoint, encodeCheckpoint, makeCheckpoint } from './checkpoint.ts'
import { damagedLedger, type LedgerError, LedgerStoreError, type WriteProblem } from './errors.ts'
import { genesisObjects, loadIntoVm, systemObjects, upgradedPackages } from './genesis.ts'
import { Ledger } from './ledger.ts'
import type { LedgerObject, MoveObject, PackageObject } from './object.ts'
import { decodeObject, encodeObject } from './records.ts'
import type { Identity, StoredState } from './state.ts'
import { emptyBatch, type KeyValueStore } from './store/key-value.ts'
import { KEYS } from './store/keys.ts'
import { LiveObjects } from './store/live-objects.ts'
import type { PrunerOptions } from './store/pruner.ts'
import { BatchWriter } from './store/writer.ts'
import { shownMs } from './system-objects.ts'
import { Turns } from './turns.ts'

const SCHEMA_VERSION = 1

export interface LedgerOptions {
  store: KeyValueStore
  /** of the store, in errors */
  name?: string
  /** bytecode of the packages 0x1, 0x2 and 0x3; an older chain is upgraded to it */
  framework: readonly Uint8Array[]
  /** checks signatures for the contract; the VM's own, which is slow, when absent */
  bls?: BlsVerifier
  clock: Clock
  /** Random bytes, so many, for the chain's ID and what it draws; the system's secure ones when absent. */
  draw?: (length: number) => Uint8Array
  /** checkpoints that are kept, with their transactions and events; all when absent */
  keptCheckpoints?: number
  /** told when the store cannot be written to, and when it can again */
  onProblem?: (problem: WriteProblem | undefined, error: LedgerError | undefined) => void
}

const write = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/**
 * Opens the chain in the store, or starts a new one when the store is empty.
 * @throws LedgerStoreError STORE_FOREIGN, STORE_NEWER, LEDGER_DAMAGED
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const {
    store,
    name = 'its folder',
    framework,
    bls,
    clock,
    keptCheckpoints,
    onProblem = () => undefined,
  } = options
  const { draw = length => randomBytes(length) } = options
  let ledger: Ledger | undefined
  const writer = new BatchWriter(store, {
    clock,
    onProblem(problem, error) {
      if (problem === undefined) ledger?.recovered()
      onProblem(problem, error)
    },
  })
  const stored = await store.get(KEYS.identity)
  const vm = createVm(bls && { bls })
  const pruning = {
    lowest: await lowestOf(store),
    keptCheckpoints: keptCheckpoints === undefined ? undefined : BigInt(keptCheckpoints),
  }
  const dependencies = { framework, clock, draw, pruning }
  if (stored !== undefined) {
    try {
      ledger = await restore(store, writer, vm, { identity: parseIdentity(stored), ...dependencies })
    } catch (error) {
      throw error instanceof LedgerStoreError
        ? error
        : damagedLedger(name, 'what it holds cannot be read', error)
    }
  } else {
    for await (const _ of store.entries(''))
      throw new LedgerStoreError('STORE_FOREIGN', 'the store holds other data')
    ledger = await create(writer, vm, dependencies)
  }
  return ledger
}

/** The oldest checkpoint that the store has. */
export async function lowestOf(store: KeyValueStore): Promise<bigint> {
  const bytes = await store.get(KEYS.lowest)
  return bytes === undefined ? 0n : BigInt(new TextDecoder().decode(bytes))
}

function parseIdentity(bytes: Uint8Array): Identity {
  let identity: Identity
  try {
    identity = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new LedgerStoreError('STORE_FOREIGN', 'the store is not a localnet', { cause })
  }
  if (identity?.kind !== 'floe-localnet')
    throw new LedgerStoreError('STORE_FOREIGN', 'the store is not a localnet')
  if (identity.schemaVersion > SCHEMA_VERSION)
    throw new LedgerStoreError(
      'STORE_NEWER',
      `the store has schema ${identity.schemaVersion}, this program knows ${SCHEMA_VERSION}`,
    )
  return identity
}

interface Dependencies extends Required<Pick<LedgerOptions, 'framework' | 'clock' | 'draw'>> {
  pruning: PrunerOptions
}

async function create(
  writer: BatchWriter,
  vm: Vm,
  { framework, clock, draw, pruning }: Dependencies,
): Promise<Ledger> {
  const objects = new LiveObjects()
  const genesisMs = Math.floor(clock.now())
  const time = new ChainClock(clock, genesisMs)
  const batch = emptyBatch()
  for (const object of genesisObjects(vm, framework, genesisMs)) {
    objects.put(object)
    batch.put.set(KEYS.object(object.id), encodeObject(object))
  }
  const tip = makeCheckpoint({
    epoch: 0n,
    previous: undefined,
    timestampMs: BigInt(genesisMs),
    cost: 0n,
    transactions: [],
    salt: draw(32),
  })
  const identity: Identity = {
    kind: 'floe-localnet',
    schemaVersion: SCHEMA_VERSION,
    chainId: tip.digest,
    genesisMs,
  }
  const stored: StoredState = { height: '0', randomRounds: 0 }
  batch.put.set(KEYS.checkpoint(0n), encodeCheckpoint(tip))
  batch.put.set(KEYS.checkpointByDigest(tip.digest), write('0'))
  batch.put.set(KEYS.state, write(stored))
  batch.put.set(KEYS.identity, write(identity))
  await writer.write(batch)
  const turns = new Turns({ clock })
  return new Ledger({ vm, objects, identity, writer, clock: time, turns, draw, stored, tip, pruning })
}

interface Restored extends Dependencies {
  identity: Identity
}

async function restore(
  store: KeyValueStore,
  writer: BatchWriter,
  vm: Vm,
  { identity, framework, clock, draw, pruning }: Restored,
): Promise<Ledger> {
  const stored = JSON.parse(new TextDecoder().decode(await need(store, KEYS.state))) as StoredState
  const tip = decodeCheckpoint(await need(store, KEYS.checkpoint(BigInt(stored.height))))
  const objects = new LiveObjects()
  const packages = new Map<Address, PackageObject>()
  for await (const [key, value] of store.entries(KEYS.live)) {
    const object: LedgerObject = decodeObject(key.slice(KEYS.live.length), value)
    if (object.kind === 'package') packages.set(object.id, object)
    else objects.put(object)
  }
  const upgraded = upgradedPackages(packages, framework)
  for (const code of upgraded) packages.set(code.id, code)
  for (const code of [...packages.values()].sort((a, b) => Number(a.version - b.version))) objects.put(code)
  loadAll(vm, packages)
  const added = systemObjects(vm, id => objects.get(id) !== undefined, identity.genesisMs)
  for (const object of added) objects.put(object)
  const batch = emptyBatch()
  for (const object of [...upgraded, ...added]) batch.put.set(KEYS.object(object.id), encodeObject(object))
  if (batch.put.size > 0) await writer.write(batch)
  const shown = shownMs(objects.get(SYSTEM.clock) as MoveObject)
  const lastMs = shown > tip.timestampMs ? shown : tip.timestampMs
  const time = new ChainClock(clock, Number(lastMs))
  const turns = new Turns({ clock })
  return new Ledger({ vm, objects, identity, writer, clock: time, turns, draw, stored, tip, pruning })
}

async function need(store: KeyValueStore, key: string): Promise<Uint8Array> {
  const value = await store.get(key)
  if (value === undefined) throw damagedLedger('its folder', `${key} is missing`)
  return value
}

/** Dependencies before what depends on them, earlier versions before later ones. */
function loadAll(vm: Vm, packages: ReadonlyMap<Address, PackageObject>): void {
  const done = new Set<Address>()
  const load = (code: PackageObject) => {
    if (done.has(code.id)) return
    done.add(code.id)
    const origins = code.typeOrigins.map(origin => origin.package)
    for (const id of [...[...code.linkage.values()].map(used => used.id), ...origins]) {
      const dependency = packages.get(id)
      if (dependency !== undefined) load(dependency)
    }
    loadIntoVm(vm, code)
  }
  for (const code of packages.values()) load(code)
}
