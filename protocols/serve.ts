import { fetchHandler } from './fetch/server.ts'
import type { CertificateSink, Custody, SliverStore, StatusSource } from './ports.ts'
import { createQuotas, type QuotaLimits } from './quota/quotas.ts'
import type { NetworkIdentity, ServerComponents } from './rpc/components.ts'
import { serveProtocol } from './rpc/serve.ts'
import { type ProtocolName, type ProtocolSpec, QUOTAS, SPECS } from './specs.ts'
import { statusHandler } from './status/server.ts'
import { storeHandler } from './store/server.ts'

export interface ServerPorts extends NetworkIdentity {
  custody: Custody
  slivers: SliverStore
  status: StatusSource
  certificates: CertificateSink
}

export interface ServeProtocolsOptions {
  /** Whether a PeerId is a storage node of the committee: its quota counts by PeerId only. Nobody when absent. */
  isMember?: (peer: string) => boolean
  /** the table's when absent */
  quotas?: QuotaLimits
  /** the table's when absent */
  specs?: Readonly<Record<ProtocolName, ProtocolSpec>>
}

export interface ProtocolServer {
  start(): Promise<void>
  /** Ends every open stream and waits for its handler. May be started again. */
  stop(): Promise<void>
}

/** Serves store, fetch and status to the peers of one network. */
export function serveProtocols(
  components: ServerComponents,
  ports: ServerPorts,
  { isMember = () => false, quotas: limits = QUOTAS, specs = SPECS }: ServeProtocolsOptions = {},
): ProtocolServer {
  const quotas = createQuotas(limits)
  const handlers = {
    store: storeHandler(ports.custody),
    fetch: fetchHandler(ports.slivers),
    status: statusHandler(ports.status, ports.certificates),
  }
  const served = (Object.keys(handlers) as ProtocolName[]).map(name =>
    serveProtocol(
      components,
      { name, spec: specs[name], quotas, isMember, network: ports.network },
      handlers[name],
    ),
  )
  return {
    async start() {
      for (const protocol of served) await protocol.start()
    },
    async stop() {
      await Promise.all(served.map(protocol => protocol.stop()))
    },
  }
}
