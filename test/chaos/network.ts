import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createLog } from '../../base/pino-log.ts'
import { encodingParams } from '../../codec/index.ts'
import type { Epoch } from '../../codec/types.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import type { ProcessNode } from '../../node/devnet/devnet-node.ts'
import { checkNodeStore } from '../../node/storage/store/check/check-store.ts'
import type { NodeState } from '../../node/storage/store/node-records.ts'
import { controlEpochs, type EpochControl, until } from '../e2e/support/epochs.ts'
import type { Events } from './events.ts'
import { Purses } from './purses.ts'

/** Several processes may start at a time, on a machine that may be busy. */
const LIMIT_MS = 120_000
const SHARDS_PER_NODE = 4
const ASK_MS = 5_000

/** What a node says of itself; see `/v1/health`. */
interface Health {
  state: NodeState['state']
  stateEpoch: Epoch
  followed: { checkpoint: number | null; isTip: boolean }
  shardSummary: { ownedShardStatus: Record<'unknown' | 'inTransfer' | 'inRecovery', number> }
  table: { differing: number }
  scrub: { epoch: Epoch; over: boolean }
}

/** A devnet of processes, seen from outside. */
export class ChaosNetwork {
  readonly nShards: number
  readonly #devnet: Devnet<ProcessNode>
  readonly #epochs: EpochControl
  readonly #sui: SuiGrpcClient
  readonly #purses: Purses
  readonly #end: () => Promise<void>

  static async start(init: { nodes: number; dir: string; events: Events }): Promise<ChaosNetwork> {
    const { nodes, dir, events } = init
    const lines = createWriteStream(join(dir, 'nodes.log'))
    const log = createLog({
      level: 'info',
      json: true,
      write(line) {
        lines.write(line)
        const { msg, level } = JSON.parse(line)
        if (level === 'error' || / started again/.test(msg)) events.add(`log: ${msg}`)
      },
    })
    const end = () => new Promise<void>(resolve => lines.end(resolve))
    try {
      const devnet = await startDevnet({
        nodes,
        // n = 1 mod 3, as all of f = (n - 1) / 3 is used
        shards: SHARDS_PER_NODE * nodes - ((SHARDS_PER_NODE * nodes - 1) % 3),
        dir,
        processes: true,
        nodeProgram: new URL('./chaos-node.ts', import.meta.url),
        log,
      })
      return new ChaosNetwork(devnet, end)
    } catch (error) {
      await end()
      throw error
    }
  }

  private constructor(devnet: Devnet<ProcessNode>, end: () => Promise<void>) {
    this.#devnet = devnet
    this.#end = end
    this.#sui = new SuiGrpcClient({ network: 'localnet', baseUrl: devnet.network.suiRpc[0]! })
    this.#purses = new Purses(devnet.network)
    this.nShards = devnet.network.nShards!
    this.#epochs = controlEpochs(devnet, { hurry: true, limitMs: LIMIT_MS })
  }

  get devnet(): Devnet<ProcessNode> {
    return this.#devnet
  }

  get epochs(): EpochControl {
    return this.#epochs
  }

  get indices(): number[] {
    return [...this.#devnet.nodes.keys()]
  }

  folderOf(node: number): string {
    return join(this.#devnet.dir, 'nodes', this.#devnet.nodes[node]!.name)
  }

  storeOf(node: number): string {
    return join(this.folderOf(node), 'store')
  }

  /** of libp2p */
  portOf(node: number): number {
    return Number(this.#devnet.network.peers[node]!.multiaddrs[0]!.match(/\/tcp\/(\d+)/)![1])
  }

  get chainPort(): number {
    return Number(new URL(this.#devnet.network.suiRpc[0]!).port)
  }

  async health(node: number): Promise<Health | undefined> {
    const { http } = this.#devnet.network.peers[node]!
    try {
      const answer = await fetch(`${http}/v1/health`, { signal: AbortSignal.timeout(ASK_MS) })
      const { success } = (await answer.json()) as { success?: { data: Health } }
      return success?.data
    } catch {
      return undefined
    }
  }

  /**
   * It has heard the present epoch and all of the chain up to a checkpoint, and lacks nothing of its shards; those of the next epoch
   * it may be fetching ahead.
   */
  async isWhole(node: number, heard: bigint): Promise<boolean> {
    const health = await this.health(node)
    if (health === undefined || health.state === 'catching-up') return false
    const { epoch } = await this.#epochs.timing()
    const { unknown, inTransfer, inRecovery } = health.shardSummary.ownedShardStatus
    const hasHeard = (health.followed.checkpoint ?? -1) >= heard
    return hasHeard && health.stateEpoch === epoch && unknown + inTransfer + inRecovery === 0
  }

  /** The chain's newest checkpoint. */
  async height(): Promise<bigint> {
    const { response } = await this.#sui.ledgerService.getServiceInfo({})
    return response.checkpointHeight!
  }

  /** It has told the chain that it has its shards, and may lack what is being stored. */
  async hasReported(node: number, heard: bigint): Promise<boolean> {
    const { epoch } = await this.#epochs.timing()
    return (await this.#epochs.reported(node)) === epoch || (await this.isWhole(node, heard))
  }

  /** Whether no committee that counts has more than f of its shards with these nodes, and `besides` that many. */
  async isWithinF(nodes: Iterable<number>, besides = 0): Promise<boolean> {
    const ids = new Set([...nodes].map(node => this.#devnet.nodes[node]!.nodeId))
    const { current, previous, next } = await this.#epochs.chain.committees({ fresh: true })
    return [current, previous, next].every(committee => {
      const members = committee?.members.filter(({ nodeId }) => ids.has(nodeId)) ?? []
      const shards = members.reduce((sum, one) => sum + one.shards.length, 0)
      return shards + besides <= encodingParams(this.nShards).maxFaulty
    })
  }

  /** Resolves when the process is gone, before it is up again. */
  async kill(node: number): Promise<void> {
    const one = this.#devnet.nodes[node]!
    const { pid } = one
    one.kill('SIGKILL')
    await until(`node ${node} is gone`, async () => one.pid !== pid || pid === undefined, LIMIT_MS)
  }

  async wipe(node: number): Promise<void> {
    const one = this.#devnet.nodes[node]!
    one.kill('SIGKILL')
    await one.stop()
    await rm(this.storeOf(node), { recursive: true, force: true })
    await one.start()
  }

  /** While something lasts, a node has nothing to pay its transactions with. */
  async withoutSui(node: number, during: () => Promise<void>): Promise<void> {
    const wallet = await this.#epochs.walletOf(node)
    try {
      await this.#purses.takeSui(wallet)
      await during()
    } finally {
      await this.#purses.giveSui(wallet.address)
    }
  }

  /** While something lasts, who stores has nothing to pay for it with. */
  async withoutWal(during: () => Promise<void>): Promise<void> {
    const { user } = this.#devnet
    try {
      await this.#purses.takeWal(user)
      await during()
    } finally {
      await this.#purses.giveWal(user.address)
    }
  }

  /** All is taken back that has been staked with it. */
  async leave(node: number): Promise<void> {
    await this.#epochs.leave(node)
    const { chain } = this.#epochs
    const { user, nodes } = this.#devnet
    for (const { objectId, nodeId, state } of await chain.stakes(user.address))
      if (nodeId === nodes[node]!.nodeId && state.kind === 'staked')
        await chain.staker(user).requestWithdrawal(objectId)
  }

  /** What is wrong on the disks of a network that is closed. */
  async checkDisks(): Promise<string[]> {
    const wrong: string[] = []
    for (const node of this.indices) {
      const { found } = await checkNodeStore(this.storeOf(node), {
        network: this.#devnet.network.systemObjectId,
        nShards: this.nShards,
        repairs: false,
        isDeep: true,
        clock: systemClock,
        log: silentLog(),
      })
      if (Object.keys(found).length > 0) wrong.push(`disk of node ${node}: ${JSON.stringify(found)}`)
    }
    return wrong
  }

  async close(): Promise<void> {
    // one that hangs does not hear that it is to stop
    for (const node of this.#devnet.nodes) node.kill('SIGCONT')
    await this.#devnet.close()
    await this.#epochs[Symbol.asyncDispose]()
    await this.#end()
  }
}
