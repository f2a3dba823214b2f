import { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../ledger/ledger.ts'
import type { Call } from './call.ts'
import type { MessageShape } from './message-shape.ts'
import { checkRequest } from './request-bounds.ts'
import { executionService } from './services/execution.ts'
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

/** One method: bytes in, bytes out; a unary method answers one message. */
export type Method = (request: Uint8Array, call: Call) => AsyncIterable<Uint8Array>

type Handler = (request: never, call: Call) => object | Promise<object> | AsyncIterable<object>

const isStream = (value: object): value is AsyncIterable<object> => Symbol.asyncIterator in value

/** Methods of a service by path; a handler that the service does not have is a mistake. */
function bind(
  service: typeof GrpcTypes.LedgerService,
  handlers: Record<string, Handler>,
): [string, Method][] {
  return Object.entries(handlers).map(([name, handler]) => {
    const info = service.methods.find(method => method.localName === name)
    if (!info) throw new TypeError(`${service.typeName} has no method ${name}`)
    const { I, O } = info as unknown as { I: MessageCodec; O: MessageCodec }
    const method: Method = async function* (request, call) {
      const reply = handler(decode(I, request) as never, call)
      if (isStream(reply)) for await (const message of reply) yield O.toBinary(O.create(message))
      else yield O.toBinary(O.create(await reply))
    }
    return [`/${service.typeName}/${info.name}`, method]
  })
}

function decode(codec: MessageCodec, bytes: Uint8Array): object {
  checkRequest(codec, bytes)
  try {
    return codec.fromBinary(bytes)
  } catch (cause) {
    throw new RpcStatus('INVALID_ARGUMENT', 'the message cannot be decoded', { cause })
  }
}

/** Everything the server answers, by path: `/sui.rpc.v2.LedgerService/GetObject`. */
export function suiMethods(ledger: Ledger): ReadonlyMap<string, Method> {
  const history = historyService(ledger)
  return new Map([
    ...bind(GrpcTypes.LedgerService, { ...ledgerService(ledger), ...history.ledger }),
    ...bind(GrpcTypes.StateService, stateService(ledger)),
    ...bind(GrpcTypes.MovePackageService, packageService(ledger)),
    ...bind(GrpcTypes.TransactionExecutionService, executionService(ledger)),
    ...bind(GrpcTypes.SubscriptionService, history.subscription),
    ...bind(GrpcTypes.SignatureVerificationService, signatureService()),
    ...bind(GrpcTypes.NameService, nameService()),
  ])
}
