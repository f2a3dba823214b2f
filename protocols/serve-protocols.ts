import { defined } from '../base/defined.ts'
import { challengeHandler } from './challenge/server.ts'
import { fetchHandler } from './fetch/server.ts'
import { inconsistencyHandler } from './inconsistency/server.ts'
import { peersHandler } from './peers/server.ts'
import type {
  AddressSource,
  CertificateSink,
  ChallengeJudge,
  Custody,
  InconsistencyJudge,
  PunchAnswerer,
  ReachProber,
  RecoverySource,
  ShardSource,
  SliverStore,
  SnapshotSource,
  StatusSource,
} from './ports.ts'
import { punchHandler } from './punch/server.ts'
import { createQuotas, type QuotaLimits } from './quota/quotas.ts'
import { reachHandler } from './reach/server.ts'
import { recoverHandler } from './recover/server.ts'
import type { NetworkIdentity, ServerComponents } from './rpc/components.ts'
import { type ServeOptions, serveProtocol } from './rpc/serve-protocol.ts'
import type { RequestHandler, ServedRequest } from './rpc/served-request.ts'
import { shardSyncHandler } from './shard-sync/server.ts'
import { snapshotHandler } from './snapshot/server.ts'
import { type ProtocolName, type ProtocolSpec, QUOTAS, SPECS } from './specs.ts'
import { statusHandler } from './status/server.ts'
import { storeHandler } from './store/server.ts'

/** What answers the peers' requests. */
export interface ServerPorts extends NetworkIdentity {
  custody: Custody
  slivers: SliverStore
  status: StatusSource
  certificates: CertificateSink
  shards: ShardSource
  recovery: RecoverySource
  judge: InconsistencyJudge
  snapshots: SnapshotSource
  /** who has none looks at nobody's proofs */
  challenges?: ChallengeJudge
  /** who has none is asked by nobody where others are */
  addresses?: AddressSource
  /** who has none dials nobody back */
  reach?: ReachProber
  /** who has none is met by nobody */
  punching?: PunchAnswerer
}

/** Absent ones do nothing; nobody is a member then. */
export interface ServeProtocolsOptions
  extends Partial<Pick<ServeOptions, 'isMember' | 'stranger' | 'serving' | 'refused'>> {
  /** the table's when absent */
  quotas?: QuotaLimits
  /** the table's when absent */
  specs?: Readonly<Record<ProtocolName, ProtocolSpec>>
}

/** The protocols of one node, served together. */
export interface ProtocolServer extends AsyncDisposable {
  /** Registers the handlers with libp2p. */
  start(): Promise<void>
  /** Ends every open stream and waits for its handler. May be started again. */
  stop(): Promise<void>
}

/** Serves store, fetch, status, shard-sync, recover, inconsistency, snapshot, challenge, peers, reach and punch to the peers of one network. */
export function serveProtocols(
  components: ServerComponents,
  ports: ServerPorts,
  options: ServeProtocolsOptions = {},
): ProtocolServer {
  const handlers: Handlers = {
    store: storeHandler(ports.custody),
    fetch: fetchHandler(ports.slivers),
    status: statusHandler(ports.status, ports.certificates, ports.snapshots),
    'shard-sync': shardSyncHandler(ports),
    recover: recoverHandler(ports.recovery),
    inconsistency: inconsistencyHandler(ports.judge),
    snapshot: snapshotHandler(ports.snapshots),
    challenge: ports.challenges && challengeHandler(ports.challenges, components.clock),
    peers: ports.addresses && peersHandler(ports.addresses, components.clock),
    reach: ports.reach && reachHandler(ports.reach),
    punch: ports.punching && punchHandler(ports.punching),
  }
  return serveHandlers(components, ports, handlers, options)
}

/** What answers those who ask a relay. */
export interface DirectoryPorts extends NetworkIdentity {
  addresses: AddressSource
  reach: ReachProber
  /** A request begins; the result is called when it has been answered. Throws a ProtocolError to refuse it. */
  enter(asker: Asker): () => void
}

/** Who asks, and whom it counts for. */
export type Asker = Pick<ServedRequest, 'connection' | 'account'>

/** Serves peers and reach, for who stores nothing. */
export function serveDirectory(
  components: ServerComponents,
  ports: DirectoryPorts,
  options: ServeProtocolsOptions = {},
): ProtocolServer {
  const behindDoor =
    (handler: RequestHandler): RequestHandler =>
    async (request, served) => {
      const leave = ports.enter(served)
      try {
        await handler(request, served)
      } finally {
        leave()
      }
    }
  const handlers: Handlers = {
    peers: behindDoor(peersHandler(ports.addresses, components.clock)),
    reach: behindDoor(reachHandler(ports.reach)),
  }
  return serveHandlers(components, ports, handlers, options)
}

type Handlers = Partial<Record<ProtocolName, RequestHandler>>

function serveHandlers(
  components: ServerComponents,
  { network }: NetworkIdentity,
  handlers: Handlers,
  options: ServeProtocolsOptions,
): ProtocolServer {
  const { isMember = () => false, stranger = () => undefined } = options
  const { serving = () => () => undefined, refused = () => undefined } = options
  const { quotas: limits = QUOTAS, specs = SPECS } = options
  const quotas = createQuotas(limits, components.clock)
  const shared = { quotas, isMember, stranger, serving, refused, network }
  const served = Object.entries(defined(handlers)).map(([name, handler]) =>
    serveProtocol(components, { name, spec: specs[name as ProtocolName], ...shared }, handler),
  )
  const stop = async () => {
    await Promise.all(served.map(protocol => protocol.stop()))
  }
  return {
    async start() {
      for (const protocol of served) await protocol.start()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
