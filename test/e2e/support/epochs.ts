import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ScopedLog, silentLog } from '../../../base/log.ts'
import { createLog } from '../../../base/pino-log.ts'
import { createCoordinator, isChainError, keypairWallet } from '../../../chain/index.ts'
import type { EpochTiming, FullCoordinator, Wallet } from '../../../chain/types/index.ts'
import { pairOfShard } from '../../../codec/index.ts'
import type { BlobId, Epoch, SliverRef } from '../../../codec/types.ts'
import type { Devnet } from '../../../node/devnet/devnet.ts'

/** Silent unless the environment asks for what nodes say. */
export function testLog(): ScopedLog {
  const level = process.env.FLOE_TEST_LOG
  return level === undefined ? silentLog() : createLog({ level: level as 'info' })
}

const FROST = 10n ** 9n
const LIMIT_MS = 60_000

/** Turns a devnet's epochs by its clock, as time would, and moves stakes. The nodes do the rest themselves. */
export interface EpochControl extends AsyncDisposable {
  readonly chain: FullCoordinator
  timing(): Promise<EpochTiming>
  /** Until the next committee is selected. */
  select(): Promise<void>
  /** Until the next epoch has begun: nodes take over shards from here on. */
  begin(): Promise<Epoch>
  /** Both without a pause, so that nodes have no time to fetch shards ahead. */
  leap(): Promise<Epoch>
  /** Until every node that must has told the chain so, or enough have. */
  done(): Promise<void>
  /** All of it. */
  turn(): Promise<Epoch>
  /** The last epoch that the node has told the chain to be whole for. */
  reported(node: number): Promise<Epoch | undefined>
  stake(node: number, wal: bigint): Promise<void>
  /** The node's own stake is given notice: it leaves with the next epoch for which a committee is selected. */
  leave(node: number): Promise<void>
  shardsOf(node: number): Promise<readonly number[]>
  /** with which the node pays */
  walletOf(node: number): Promise<Wallet>
  /** How many of a blob's slivers the node has that it must have, and how many those are. */
  kept(node: number, blobId: BlobId): Promise<{ has: number; of: number }>
}

export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  limitMs = LIMIT_MS,
  pauseMs = 50,
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > end) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await pause(pauseMs)
  }
}

/** Whether a node of a devnet has it stored. */
export async function hasSliver(
  devnet: Devnet,
  node: number,
  blobId: BlobId,
  ref: SliverRef,
): Promise<boolean> {
  const { running } = devnet.nodes[node]!
  if (running !== undefined) return await running.slivers.has(blobId, ref)
  // of a process, by its API
  const { http } = devnet.network.peers[node]!
  const { status, body } = await fetch(`${http}/v1/blobs/${blobId}/slivers/${ref.pair}/${ref.axis}`)
  await body?.cancel()
  return status === 200
}

/**
 * The test itself sends what nodes would when they look next, up to 10 s later: they are met by one who was first. Without `hurry`
 * they are waited for.
 */
export function controlEpochs(devnet: Devnet, { hurry = true, limitMs = LIMIT_MS } = {}): EpochControl {
  const chain = createCoordinator(devnet.network)
  const push = async (call: 'votingEnd' | 'initiateEpochChange', epoch: Epoch): Promise<void> => {
    if (!hurry) return
    await chain
      .operator(devnet.user)
      [call]({ epoch })
      .catch(error => {
        if (!isChainError(error, 'MOVE_ABORT') || error.details.refusal === undefined) throw error
      })
  }
  const walletOf = async (node: number): Promise<Wallet> => {
    const path = join(devnet.dir, 'nodes', String(node).padStart(2, '0'), 'keys', 'sui.key')
    return keypairWallet((await readFile(path, 'utf8')).trim())
  }
  /** Past the time up to which nodes wait for each other. */
  const advanceTo = async (atMs: number | undefined, { nowMs, durationMs }: EpochTiming): Promise<void> => {
    if (atMs === undefined) return
    const lateMs = atMs + Math.ceil(durationMs * 0.06) - nowMs
    if (lateMs > 0) await devnet.advanceClock(lateMs)
  }
  const begun = (before: EpochTiming): Promise<Epoch> => {
    const look = async () => {
      const { epoch } = await chain.epochTiming()
      return epoch > before.epoch && epoch
    }
    return until('the next epoch begins', look, limitMs)
  }

  const control: EpochControl = {
    chain,
    timing: () => chain.epochTiming(),
    async select() {
      const timing = await chain.epochTiming()
      await advanceTo(timing.votingEndDueMs, timing)
      await push('votingEnd', timing.epoch)
      const isSelected = async () => (await chain.epochTiming()).state.kind === 'next-params-selected'
      await until('the votes are ended', isSelected, limitMs)
    },
    async begin() {
      const before = await chain.epochTiming()
      await advanceTo(before.changeDueMs, before)
      await push('initiateEpochChange', before.epoch)
      return await begun(before)
    },
    async leap() {
      const before = await chain.epochTiming()
      await advanceTo(before.changeDueMs, before)
      await push('votingEnd', before.epoch)
      await push('initiateEpochChange', before.epoch)
      return await begun(before)
    },
    async done() {
      const isDone = async () => (await chain.epochTiming()).state.kind === 'done'
      await until('all have reported', isDone, limitMs)
    },
    async turn() {
      await control.select()
      const epoch = await control.begin()
      await control.done()
      return epoch
    },
    async reported(node) {
      return (await chain.operator(await walletOf(node)).capability())?.lastEpochSyncDone
    },
    async stake(node, wal) {
      await chain.staker(devnet.user).stake(devnet.nodes[node]!.nodeId, wal * FROST)
    },
    async leave(node) {
      const wallet = await walletOf(node)
      const staker = chain.staker(wallet)
      for (const { objectId, state } of await chain.stakes(wallet.address))
        if (state.kind === 'staked') await staker.requestWithdrawal(objectId)
    },
    walletOf,
    async shardsOf(node) {
      const { current } = await chain.committees({ fresh: true })
      return current.members.find(({ nodeId }) => nodeId === devnet.nodes[node]!.nodeId)?.shards ?? []
    },
    async kept(node, blobId) {
      const { current } = await chain.committees()
      const member = current.members.find(({ nodeId }) => nodeId === devnet.nodes[node]!.nodeId)
      const refs = (member?.shards ?? []).flatMap(shard => {
        const pair = pairOfShard(shard, blobId, current.nShards)
        return [
          { pair, axis: 'primary' as const },
          { pair, axis: 'secondary' as const },
        ]
      })
      const there = await Promise.all(refs.map(ref => hasSliver(devnet, node, blobId, ref)))
      return { has: there.filter(Boolean).length, of: refs.length }
    },
    [Symbol.asyncDispose]: () => chain.close(),
  }
  return control
}
