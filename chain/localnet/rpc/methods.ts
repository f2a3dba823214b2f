import { GrpcTypes } from '@mysten/sui/grpc'
import type { Health } from '../health.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Call } from './call.ts'
import type { MessageShape } from './message-shape.ts'
import { reflectionOf, reflectionService } from './reflection/service.ts'
import { checkRequest } from './request-bounds.ts'
import { executionService } from './services/execution.ts'
import { HealthService, healthService } from './services/health.ts'
import { historyService } from './services/history.ts'
import { ledgerService } from './services/ledger.ts'
import { nameService } from './services/names.ts'
import { packageService } from './services/packages.ts'
import { signatureService } from './services/signatures.ts'
import { stateService } from './services/state.ts'
import { RpcStatus } from './status.ts'

interface MessageCodec extends MessageShape {
  fromBinary(bytes: Uint8Array): object
  create(partial: object): object
  toBinary(message: object): Uint8Array
}

/** What is known of a service: as much as the generated code has. */
export interface Service {
  readonly typeName: string
  readonly methods: readonly {
    readonly name: string
    readonly localName: string
    readonly I: MessageCodec
    readonly O: MessageCodec
    readonly clientStreaming?: boolean
    readonly serverStreaming?: boolean
  }[]
}

/** One method: bytes in, bytes out. A unary method answers one message. */
export interface Method {
  /** takes any number of messages, not exactly one */
  readonly clientStreaming: boolean
  readonly serverStreaming: boolean
  run(requests: AsyncIterable<Uint8Array>, call: Call): AsyncIterable<Uint8Array>
}

type Handler = (request: never, call: Call) => object | Promise<object> | AsyncIterable<object>

const isStream = (value: object): value is AsyncIterable<object> => Symbol.asyncIterator in value

/** Methods of a service by path; a handler that the service does not have is a mistake. */
function bind(service: Service, handlers: Record<string, Handler>): [string, Method][] {
  return Object.entries(handlers).map(([name, handler]) => {
    const info = service.methods.find(method => method.localName === name)
    if (info === undefined) throw new TypeError(`${service.typeName} has no method ${name}`)
    const { I, O, clientStreaming = false, serverStreaming = false } = info
    const method: Method = {
      clientStreaming,
      serverStreaming,
      async *run(requests, call) {
        const request = clientStreaming ? decodeAll(I, requests) : decode(I, await only(requests))
        const reply = handler(request as never, call)
        if (isStream(reply)) for await (const message of reply) yield encode(O, message)
        else yield encode(O, await reply)
      },
    }
    return [`/${service.typeName}/${info.name}`, method]
  })
}

/** What many callers are sent is encoded once, by its maker. */
const encode = (codec: MessageCodec, message: object): Uint8Array =>
  message instanceof Uint8Array ? message : codec.toBinary(codec.create(message))

async function only(requests: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let found: Uint8Array | undefined
  for await (const request of requests) {
    if (found !== undefined) throw new RpcStatus('INVALID_ARGUMENT', 'the request is more than one message')
    found = request
  }
  if (found === undefined) throw new RpcStatus('INVALID_ARGUMENT', 'the request has no message')
  return found
}

async function* decodeAll(codec: MessageCodec, requests: AsyncIterable<Uint8Array>): AsyncGenerator<object> {
  for await (const request of requests) yield decode(codec, request)
}

function decode(codec: MessageCodec, bytes: Uint8Array): object {
  checkRequest(codec, bytes)
  try {
    return codec.fromBinary(bytes)
  } catch (cause) {
    throw new RpcStatus('INVALID_ARGUMENT', 'the message cannot be decoded', { cause })
  }
}

/** A subscription is counted while it lasts. */
const counted = (methods: [string, Method][]): [string, Method][] =>
  methods.map(([path, method]) => [
    path,
    {
      ...method,
      async *run(requests, call) {
        const leave = call.account.subscription()
        try {
          yield* method.run(requests, call)
        } finally {
          leave()
        }
      },
    },
  ])

/** Everything the server answers, by path: `/sui.rpc.v2.LedgerService/GetObject`. */
export function suiMethods(ledger: Ledger, health: Health): ReadonlyMap<string, Method> {
  const history = historyService(ledger)
  const own = [
    GrpcTypes.LedgerService,
    GrpcTypes.StateService,
    GrpcTypes.MovePackageService,
    GrpcTypes.TransactionExecutionService,
    GrpcTypes.SubscriptionService,
    GrpcTypes.SignatureVerificationService,
    GrpcTypes.NameService,
  ] as unknown as Service[]
  const [ledgers, states, packages, executions, subscriptions, signatures, names] = own as [
    Service,
    Service,
    Service,
    Service,
    Service,
    Service,
    Service,
  ]
  const reflections = [reflectionOf('grpc.reflection.v1'), reflectionOf('grpc.reflection.v1alpha')]
  const all = [...own, HealthService, ...reflections]
  const reflection = reflectionService(() => all)
  const checks = bind(
    HealthService,
    healthService(health, () => all.map(({ typeName }) => typeName)),
  )
  return new Map([
    ...bind(ledgers, { ...ledgerService(ledger), ...history.ledger }),
    ...bind(states, stateService(ledger)),
    ...bind(packages, packageService(ledger)),
    ...bind(executions, executionService(ledger)),
    ...counted(bind(subscriptions, history.subscription)),
    ...bind(signatures, signatureService()),
    ...bind(names, nameService()),
    ...checks.filter(([path]) => !path.endsWith('/Watch')),
    ...counted(checks.filter(([path]) => path.endsWith('/Watch'))),
    ...reflections.flatMap(service => bind(service, reflection)),
  ])
}
