import { fetchHandler } from './fetch/server.ts'
import type { CertificateSink, Custody, SliverStore, StatusSource } from './ports.ts'
import { createQuotas, type QuotaLimits } from './quota/quotas.ts'
import type { NetworkIdentity, ServerComponents } from './rpc/components.ts'
import { type ServeOptions, serveProtocol } from './rpc/serve.ts'
import { type ProtocolName, type ProtocolSpec, QUOTAS, SPECS } from './specs.ts'
import { statusHandler } from './status/server.ts'
import { storeHandler } from './store/server.ts'

/** What answers the peers' requests. */
export interface ServerPorts extends NetworkIdentity {
  custody: Custody
  slivers: SliverStore
  status: StatusSource
  certificates: CertificateSink
}

/** Absent ones do nothing; nobody is a member then. */
export interface ServeProtocolsOptions
  extends Partial<Pick<ServeOptions, 'isMember' | 'serving' | 'refused'>> {
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

/** Serves store, fetch and status to the peers of one network. */
export function serveProtocols(
  components: ServerComponents,
  ports: ServerPorts,
  options: ServeProtocolsOptions = {},
): ProtocolServer {
  const { isMember = () => false, serving = () => () => undefined, refused = () => undefined } = options
  const { quotas: limits = QUOTAS, specs = SPECS } = options
  const quotas = createQuotas(limits)
  const handlers = {
    store: storeHandler(ports.custody),
    fetch: fetchHandler(ports.slivers),
    status: statusHandler(ports.status, ports.certificates),
  }
  const served = (Object.keys(handlers) as ProtocolName[]).map(name =>
    serveProtocol(
      components,
      { name, spec: specs[name], quotas, isMember, serving, refused, network: ports.network },
      handlers[name],
    ),
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
