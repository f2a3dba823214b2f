import { once } from 'node:events'
import { MessageType, ScalarType } from '@protobuf-ts/runtime'
import type { Health } from '../../health.ts'
import type { Call } from '../call.ts'
import type { Service } from '../methods.ts'
import { notFound } from '../status.ts'

const Status = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const

interface HealthCheckRequest {
  service: string
}
interface HealthCheckResponse {
  status: number
}

const HealthCheckRequest = new MessageType<HealthCheckRequest>('grpc.health.v1.HealthCheckRequest', [
  { no: 1, name: 'service', kind: 'scalar', T: ScalarType.STRING },
])
const HealthCheckResponse = new MessageType<HealthCheckResponse>('grpc.health.v1.HealthCheckResponse', [
  {
    no: 1,
    name: 'status',
    kind: 'enum',
    T: () => ['grpc.health.v1.HealthCheckResponse.ServingStatus', Status],
  },
])
const HealthListRequest = new MessageType<object>('grpc.health.v1.HealthListRequest', [])
const HealthListResponse = new MessageType<object>('grpc.health.v1.HealthListResponse', [
  {
    no: 1,
    name: 'statuses',
    kind: 'map',
    K: ScalarType.STRING,
    V: { kind: 'message', T: () => HealthCheckResponse },
  },
])

/** gRPC's own health service, as load balancers and orchestrators ask it. */
export const HealthService: Service = {
  typeName: 'grpc.health.v1.Health',
  methods: [
    { name: 'Check', localName: 'check', I: HealthCheckRequest, O: HealthCheckResponse },
    { name: 'List', localName: 'list', I: HealthListRequest, O: HealthListResponse },
    {
      name: 'Watch',
      localName: 'watch',
      I: HealthCheckRequest,
      O: HealthCheckResponse,
      serverStreaming: true,
    },
  ],
}

/** @param services names that are known; the empty one stands for the server */
export function healthService(health: Health, services: () => Iterable<string>) {
  const known = (service: string) => service === '' || new Set(services()).has(service)
  const status = (): HealthCheckResponse => ({
    status: health.problem === undefined ? Status.SERVING : Status.NOT_SERVING,
  })
  return {
    check({ service }: HealthCheckRequest): HealthCheckResponse {
      if (!known(service)) throw notFound(`service ${service.slice(0, 80)}`)
      return status()
    },
    list: (): object => ({
      statuses: Object.fromEntries(['', ...services()].map(service => [service, status()])),
    }),
    /** Tells the status at once and whenever it changes; a service that is not known is none for good. */
    async *watch({ service }: HealthCheckRequest, { signal }: Call): AsyncGenerator<HealthCheckResponse> {
      for (let told: number | undefined; ; ) {
        const now = known(service) ? status().status : Status.SERVICE_UNKNOWN
        if (now !== told) {
          told = now
          yield { status: now }
          // it may have changed while that was taken
          continue
        }
        await once(health.changes, 'change', { signal })
      }
    },
  }
}
