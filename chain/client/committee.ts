import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { defined } from '../../base/defined.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import { compressG1 } from '../bindings/g1.ts'
import { decodeMove } from '../bindings/move.ts'
import { NextKeysField } from '../bindings/staking.ts'
import { ChainError } from '../errors.ts'
import type { CallOptions, Committee, CommitteeMember, Committees } from '../types/index.ts'
import { epochState } from './epochs.ts'
import { extendedFieldId, multiaddrsOf, readMetadata, readPools } from './nodes.ts'
import { fetchObjects } from './objects.ts'
import type { RpcPool } from './rpc.ts'
import type { ChainState, StakingState, StateReader } from './state.ts'

/** How long the epoch and its state are believed without asking; a follower's `EpochChange...` event drops them at once. */
const STATE_TTL_MS = 2_000
/** A member may change its addresses and its network key at any time, and no event tells. So long they are believed, */
const MEMBERS_TTL_MS = 60_000
/** and so long by one that asks the chain: there may be a thousand of them. */
const FRESH_MEMBERS_TTL_MS = 5_000

type Assignment = StakingState['committee']
type Member = Omit<CommitteeMember, 'index' | 'shards'>

/** Committees with everything that is known of their members; kept for a while, shared by all callers. */
export class CommitteeReader {
  readonly #rpc: RpcPool
  readonly #state: StateReader
  readonly #flight = new SingleFlight<Committees>()
  #cached: Committees | undefined
  /** the committee in office before that of `#cached`, as it was read then: the chain does not keep its keys */
  #outgoing: Committee | undefined
  #freshUntil = 0
  /** when the members of `#cached` were asked for */
  #membersReadAt = Number.NEGATIVE_INFINITY
  #areMembersWanted = false
  /** counts `expire`: a run that began before the last one may not fill the cache */
  #generation = 0

  constructor(rpc: RpcPool, state: StateReader) {
    this.#rpc = rpc
    this.#state = state
  }

  async read({ signal, fresh = false }: CallOptions & { fresh?: boolean } = {}): Promise<Committees> {
    if (fresh) {
      this.expire()
      this.#areMembersWanted = true
    }
    if (this.#cached && this.#rpc.clock.monotonic() < this.#freshUntil) return this.#cached
    return await this.#flight.run(() => this.#load(), signal)
  }

  /** The next read asks the chain for the epoch's state. */
  expire(): void {
    this.#freshUntil = 0
    this.#generation++
    this.#state.expire()
    // a run under way may have read the state before what made the caller ask
    this.#flight.forget()
  }

  async #load(): Promise<Committees> {
    const generation = this.#generation
    const now = this.#rpc.clock.monotonic()
    const membersTtlMs = this.#areMembersWanted ? FRESH_MEMBERS_TTL_MS : MEMBERS_TTL_MS
    const areMembersKnown = now - this.#membersReadAt < membersTtlMs
    const state = await this.#state.shared()
    const epoch = state.staking.epoch as Epoch
    const known = areMembersKnown && this.#cached?.epoch === epoch ? this.#cached : undefined
    if (this.#cached?.epoch === epoch - 1) this.#outgoing = this.#cached.current
    const committees: Committees = known
      ? { ...known, state: epochState(state.staking) }
      : await this.#rpc.read(client => readCommittees(client, state, this.#outgoing))
    const isSelected = state.staking.next_committee !== null
    if (isSelected && committees.next === undefined) {
      const next = await this.#rpc.read(client => readNext(client, state))
      if (next !== undefined) committees.next = next
    }
    if (generation === this.#generation) {
      this.#cached = committees
      this.#areMembersWanted = false
      if (known === undefined) this.#membersReadAt = now
      // without it the next epoch has begun meanwhile
      const isWhole = isSelected === (committees.next !== undefined)
      this.#freshUntil = isWhole ? this.#rpc.clock.monotonic() + STATE_TTL_MS : 0
    }
    return committees
  }
}

async function readCommittees(
  client: SuiGrpcClient,
  state: ChainState,
  outgoing: Committee | undefined,
): Promise<Committees> {
  const { staking, system } = state
  const current = assignmentOf(staking.committee)
  const previous = assignmentOf(staking.previous_committee)
  const ids = [...new Set([...current.keys(), ...previous.keys()])]
  const nodes = await readMembers(client, state.originalPackageId, ids)
  // what certificates are checked against is the system's copy of keys and order: a node may rotate its key meanwhile
  const signingKeys = new Map(
    system.committee.members.map(member => [
      parseObjectId(member.node_id),
      compressG1(member.public_key.bytes),
    ]),
  )
  const epoch = staking.epoch as Epoch
  const nShards = staking.n_shards
  return defined({
    epoch,
    state: epochState(staking),
    current: { epoch, nShards, members: membersOf([...signingKeys.keys()], current, nodes, signingKeys) },
    previous: previous.size > 0 ? previousOf(epoch, nShards, previous, nodes, outgoing) : undefined,
  })
}

/** The committee that was selected, with the keys that it will sign with; undefined when it is in office by now. */
async function readNext(
  client: SuiGrpcClient,
  { staking, originalPackageId }: ChainState,
): Promise<Committee | undefined> {
  if (staking.next_committee === null) return undefined
  const assignment = assignmentOf(staking.next_committee)
  const keysId = extendedFieldId(staking.next_epoch_public_keys.id, originalPackageId)
  const [nodes, [field]] = await Promise.all([
    readMembers(client, originalPackageId, [...assignment.keys()]),
    fetchObjects(client, [keysId]),
  ])
  const entries = field === undefined ? [] : decodeMove(NextKeysField, field.content).value.contents
  const keys = new Map(
    entries.map(({ key, value }) => [parseObjectId(key), compressG1(Uint8Array.from(value.bytes))]),
  )
  const order = [...assignment.keys()].sort()
  if (!order.every(nodeId => keys.has(nodeId))) return undefined
  return {
    epoch: (staking.epoch + 1) as Epoch,
    nShards: staking.n_shards,
    members: membersOf(order, assignment, nodes, keys),
  }
}

/** The committee of the epoch before, with the keys that it signed with where they were seen. */
function previousOf(
  epoch: Epoch,
  nShards: number,
  assignment: ReadonlyMap<ObjectId, ShardIndex[]>,
  nodes: ReadonlyMap<ObjectId, Member>,
  outgoing: Committee | undefined,
): Committee {
  const before = (epoch - 1) as Epoch
  const seen = outgoing?.epoch === before ? outgoing : undefined
  const keys = new Map(seen?.members.map(({ nodeId, blsPublicKey }) => [nodeId, blsPublicKey]))
  return defined({
    epoch: before,
    nShards,
    members: membersOf([...assignment.keys()].sort(), assignment, nodes, keys),
    keysUncertain: seen === undefined || undefined,
  })
}

function assignmentOf(committee: Assignment): Map<ObjectId, ShardIndex[]> {
  return new Map(
    committee.map.contents.map(entry => [
      parseObjectId(entry.key),
      [...entry.value].sort((a, b) => a - b) as ShardIndex[],
    ]),
  )
}

/** `order` is that of node IDs, as the bits of signer bitmaps; equal-length lowercase hex sorts as bytes do. */
function membersOf(
  order: readonly ObjectId[],
  assignment: ReadonlyMap<ObjectId, ShardIndex[]>,
  nodes: ReadonlyMap<ObjectId, Member>,
  signingKeys?: ReadonlyMap<ObjectId, Uint8Array>,
): CommitteeMember[] {
  return order.map((nodeId, index) => {
    const node = nodes.get(nodeId)
    if (!node)
      throw new ChainError('NOT_FOUND', `the staking pool ${nodeId} is missing`, { objectId: nodeId })
    const blsPublicKey = signingKeys?.get(nodeId) ?? node.blsPublicKey
    return { ...node, blsPublicKey, index, shards: assignment.get(nodeId) ?? [] }
  })
}

async function readMembers(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  ids: readonly ObjectId[],
): Promise<Map<ObjectId, Member>> {
  const pools = await readPools(client, ids)
  const metadata = await readMetadata(client, originalPackageId, pools)
  return new Map(
    pools.map(({ node_info: info }, i) => {
      const nodeId = parseObjectId(info.node_id)
      const member = {
        nodeId,
        name: info.name,
        networkAddress: info.network_address,
        networkPublicKey: Uint8Array.from(info.network_public_key),
        blsPublicKey: compressG1(Uint8Array.from(info.public_key.bytes)),
        multiaddrs: multiaddrsOf(metadata[i]!),
      }
      return [nodeId, member]
    }),
  )
}
