/**
 * Sui in one process: the same bytecode behind the same gRPC API, for development and tests.
 * @module floe/localnet
 */
import { join } from 'node:path'
import { type Clock, systemClock } from '../../base/clock.ts'
import { loadBls, rememberingBls } from '../../codec/node.ts'
import { loadBuild } from '../compiled.ts'
import { adminRoutes } from './admin.ts'
import { loadAdminToken, newToken } from './admin-token.ts'
import { createFaucet, faucetRoutes, type Gift } from './faucet.ts'
import { Health, type HealthProblem } from './health.ts'
import { FAUCET_ADDRESS } from './ledger/genesis.ts'
import { openLedger } from './ledger/open.ts'
import { levelStore } from './ledger/store/level.ts'
import { memoryStore } from './ledger/store/memory.ts'
import { metadataOf } from './rpc/metadata.ts'
import { suiMethods } from './rpc/methods.ts'
import { type ServerLog, startServer } from './rpc/server.ts'

export type { HealthProblem } from './health.ts'
export { LedgerError, LedgerStoreError } from './ledger/errors.ts'
export { type LedgerReport, repairLedger } from './repair.ts'

/** Checks of signatures that are remembered: each certificate is simulated, then executed. */
const BLS_ANSWERS = 256
/** How often the time is written down while nothing happens. */
const TIME_KEPT_MS = 10_000

/** Where a localnet is kept and heard; each has a default. */
export interface LocalnetOptions {
  /** where the chain is kept; in memory when absent */
  dir?: string
  /** address to listen on; 127.0.0.1 when absent */
  host?: string
  /** any free one when absent */
  port?: number
  /** of web pages of other hosts that may call, the faucet too: `https://app.example`; none when absent */
  pageOrigins?: readonly string[] | undefined
  /**
   * Checkpoints to keep, one for each transaction, with its events; what is older is pruned as a Sui full node does it. All
   * when absent. What was pruned once does not come back.
   */
  keepCheckpoints?: number
  log?: ServerLog
  /** the machine's when absent; the chain's time goes as fast as it does, while the localnet runs */
  clock?: Clock
  /** 0 to 1, for the chain's ID and all that it draws; the system's secure source when absent */
  random?: () => number
  /** told of everything that a limit refused, by reason: `connections`, `address`, `files`, `rate`, `size`, `depth`, `time`, `token`... */
  onRefused?: (reason: string) => void
  /** closes the localnet */
  signal?: AbortSignal
}

/** A running localnet. Close it; `await using` does. */
export interface Localnet extends AsyncDisposable {
  /** gRPC and gRPC-web, for `new SuiGrpcClient({ baseUrl })` */
  url: string
  /** takes Sui's faucet requests at `/v2/gas` and `/gas` */
  faucetUrl: string
  chainId: string
  /** Whose coins the faucet gives away; send it the network's coin, then name its type with `setFaucetCoin`. */
  faucetAddress: string
  /** Gives SUI, and the coin that `setFaucetCoin` named. */
  faucet(recipient: string): Promise<Gift>
  /** From now on (restarts included) the faucet also gives `amount` of this coin from what its address owns. */
  setFaucetCoin(coinType: string, amount: bigint): Promise<void>
  /**
   * Moves the chain's clock ahead, and no other, by a year at most at a time; it cannot be set back. It stands still while
   * the localnet is stopped.
   */
  advanceClock(ms: number): Promise<void>
  /** what the admin's routes want as `Authorization: Bearer TOKEN` */
  adminToken: string
  /** the file that holds it, for its owner only; absent without `dir` */
  adminTokenPath: string | undefined
  /** why the localnet cannot do all of its work at the moment; undefined when it can */
  readonly problem: HealthProblem | undefined
  /** Ends calls and streams, then writes what is left to the disk. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts or continues a localnet. Throws LedgerStoreError when the directory cannot be used, and the system's
 * error (EADDRINUSE) when the port is taken.
 */
export async function startLocalnet(options: LocalnetOptions = {}): Promise<Localnet> {
  const {
    dir,
    host = '127.0.0.1',
    log,
    clock = systemClock,
    random,
    keepCheckpoints,
    onRefused,
    signal,
  } = options
  signal?.throwIfAborted()
  if (keepCheckpoints !== undefined && !(Number.isSafeInteger(keepCheckpoints) && keepCheckpoints > 0))
    throw new RangeError('keepCheckpoints is a whole number from 1')
  const store = dir === undefined ? memoryStore() : await levelStore(join(dir, 'ledger'))
  const health = new Health()
  try {
    const ledger = await openLedger({
      store,
      name: dir,
      framework: loadBuild('framework').modules,
      clock,
      keptCheckpoints: keepCheckpoints,
      draw: random && (length => Uint8Array.from({ length }, () => Math.floor(random() * 256))),
      bls: rememberingBls(await loadBls(), BLS_ANSWERS),
      onProblem(problem, error) {
        health.set(problem && { code: problem, message: error?.message ?? '' })
        if (error !== undefined) log?.error({ err: error, dir }, 'the ledger cannot be written to')
        else log?.error({ dir }, 'the ledger can be written to again')
        if (problem === 'DISK_FULL') onRefused?.('disk')
      },
    })
    const faucet = createFaucet(ledger)
    const admin = dir === undefined ? { token: newToken(), path: undefined } : await loadAdminToken(dir)
    const routes = new Map([
      ...faucetRoutes(faucet),
      ...adminRoutes(ledger, { token: admin.token, tokenPath: admin.path, onRefused }),
    ])
    const server = await startServer({
      host,
      port: options.port ?? 0,
      pageOrigins: options.pageOrigins,
      clock,
      methods: suiMethods(ledger, health),
      routes,
      metadata: () => metadataOf(ledger),
      log,
      onRefused,
    })
    // what is killed goes on from here
    const keeping = clock.every(TIME_KEPT_MS, () => ledger.tick())
    let closed: Promise<void> | undefined
    const close = () => {
      signal?.removeEventListener('abort', close)
      keeping.stop()
      closed ??= server.close().then(() => ledger.close())
      return closed
    }
    signal?.addEventListener('abort', close, { once: true })
    return {
      url: server.url,
      faucetUrl: server.url,
      chainId: ledger.identity.chainId,
      faucetAddress: FAUCET_ADDRESS,
      faucet: recipient => faucet.give(recipient),
      setFaucetCoin: (coinType, amount) => ledger.setFaucetCoin(coinType, amount),
      advanceClock: async ms => {
        await ledger.advanceClock(ms)
      },
      adminToken: admin.token,
      adminTokenPath: admin.path,
      get problem() {
        return health.problem
      },
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await store.close()
    throw error
  }
}
