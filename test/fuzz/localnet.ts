/** Damaged requests to every method of the localnet: none may be answered by an internal error or stop the chain. */
import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { fromBase64 } from '@mysten/sui/utils'
import { dataFrame } from '../../chain/localnet/rpc/framing.ts'
import { TestChain } from '../chain/localnet/support/chain.ts'
import { samplePackage } from '../chain/localnet/support/packages.ts'
import type { FuzzOptions } from './main.ts'

interface Message {
  fields: readonly { localName: string }[]
  create(partial: object): object
  toBinary(message: object): Uint8Array
}
interface Target {
  path: string
  request: Uint8Array
}

const services = [
  GrpcTypes.LedgerService,
  GrpcTypes.StateService,
  GrpcTypes.MovePackageService,
  GrpcTypes.SignatureVerificationService,
  GrpcTypes.NameService,
  GrpcTypes.TransactionExecutionService,
]

/** Mulberry32: repeatable by its seed. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export async function run({ minutes, seed }: FuzzOptions): Promise<void> {
  const random = generator(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const failures: { path: string; error: unknown }[] = []
  const log = {
    debug() {},
    error: (fields: object) => failures.push(fields as { path: string; error: unknown }),
  }
  const chain = await TestChain.start({ log })
  try {
    const transactions = await sampleTransactions(chain)
    const targets = [...(await sampleRequests(chain)), ...transactions.map(bytes => simulation(bytes))]
    const end = performance.now() + minutes * 60_000
    let calls = 0
    for (; performance.now() < end; calls++) {
      const transaction = transactions[below(transactions.length)]!
      const kind = below(3)
      const target =
        kind === 0
          ? targets[below(targets.length)]!
          : kind === 1
            ? simulation(damage(transaction, below))
            : await execution(chain, damage(transaction, below))
      const request = kind === 0 ? damage(target.request, below) : target.request
      const status = await send(chain.localnet.url, { ...target, request })
      const where = { seed, path: target.path, request: Buffer.from(request).toString('hex') }
      assert.ok(
        status !== undefined && status !== 13,
        JSON.stringify({ ...where, status, failures: failures.map(String) }),
      )
    }
    await chain.thing()
    console.log(`localnet: ${calls} damaged requests, seed ${seed}`)
  } finally {
    await chain.close()
  }
}

function damage(bytes: Uint8Array, below: (limit: number) => number): Uint8Array {
  const damaged = bytes.slice()
  for (let n = 1 + below(3); n > 0 && damaged.length > 0; n--) {
    const at = below(damaged.length)
    damaged[at] = below(2) === 0 ? below(256) : damaged[at]! ^ (1 << below(8))
  }
  return below(20) === 0 ? damaged.subarray(0, below(damaged.length + 1)) : damaged
}

const encode = ({ create, toBinary }: Message, partial: object, type: Message) =>
  toBinary.call(type, create.call(type, partial))

const methodOf = (service: (typeof services)[number], name: string) => {
  const method = service.methods.find(candidate => candidate.name === name)!
  return { path: `/${service.typeName}/${name}`, input: method.I as unknown as Message }
}

function simulation(value: Uint8Array): Target {
  const { path, input } = methodOf(GrpcTypes.TransactionExecutionService, 'SimulateTransaction')
  const request = { transaction: { bcs: { value } }, doGasSelection: true, readMask: { paths: ['*'] } }
  return { path, request: encode(input, request, input) }
}

async function execution(chain: TestChain, value: Uint8Array): Promise<Target> {
  const { path, input } = methodOf(GrpcTypes.TransactionExecutionService, 'ExecuteTransaction')
  const { signature } = await chain.keypair.signTransaction(value)
  const signatures = [{ bcs: { value: fromBase64(signature) }, signature: { oneofKind: undefined } }]
  return { path, request: encode(input, { transaction: { bcs: { value } }, signatures }, input) }
}

/** One request to every method, with what it can use of one set of fields. */
async function sampleRequests(chain: TestChain): Promise<Target[]> {
  const thing = await chain.thing()
  const fields: Record<string, unknown> = {
    objectId: thing,
    owner: chain.address,
    parent: thing,
    coinType: '0x2::sui::SUI',
    objectType: '0x2::coin::Coin<0x2::sui::SUI>',
    packageId: chain.packageId,
    moduleName: 'things',
    digests: ['a'],
    requests: [{ objectId: thing }],
    readMask: { paths: ['*'] },
  }
  return services.flatMap(service =>
    service.methods.map(({ name }) => {
      const { path, input } = methodOf(service, name)
      const names = input.fields.map(field => field.localName)
      const partial = Object.fromEntries(Object.entries(fields).filter(([field]) => names.includes(field)))
      return { path, request: encode(input, partial, input) }
    }),
  )
}

async function sampleTransactions(chain: TestChain): Promise<Uint8Array[]> {
  const thing = await chain.thing()
  const calls = new Transaction()
  calls.moveCall({ target: chain.target('set'), arguments: [calls.object(thing), calls.pure.u64(1)] })
  const vector = calls.makeMoveVec({ elements: [calls.splitCoins(calls.gas, [1])] })
  calls.moveCall({
    target: '0x2::pay::join_vec',
    typeArguments: ['0x2::sui::SUI'],
    arguments: [calls.gas, vector],
  })
  calls.mergeCoins(calls.gas, [calls.splitCoins(calls.gas, [2])])
  calls.transferObjects([calls.object(thing)], chain.address)
  const publish = new Transaction()
  publish.transferObjects([publish.publish(await samplePackage('rules'))], chain.address)
  return [await chain.build(calls), await chain.build(publish)]
}

/** The call's gRPC status. */
async function send(url: string, { path, request }: Target): Promise<number | undefined> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto' },
    body: Buffer.from(dataFrame(request, 'binary')),
  })
  const body = Buffer.from(await response.arrayBuffer()).toString('latin1')
  const status = /grpc-status:(\d+)/.exec(body)?.[1]
  return status === undefined ? undefined : Number(status)
}
