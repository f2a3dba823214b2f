import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as grpc from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer, type ServiceDefinition } from '@grpc/proto-loader'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Health } from '../../../../chain/localnet/health.ts'
import { describe as describeServices } from '../../../../chain/localnet/rpc/reflection/describe.ts'
import { reflectionOf } from '../../../../chain/localnet/rpc/reflection/service.ts'
import { HealthService, healthService } from '../../../../chain/localnet/rpc/services/health.ts'
import { TestChain } from '../support/chain.ts'

const versions = ['grpc.reflection.v1', 'grpc.reflection.v1alpha'] as const

/** What was read of a `FileDescriptorSet`: its files as field 1. */
const setOf = (files: readonly Uint8Array[]): Buffer =>
  Buffer.concat(
    files.flatMap(bytes => {
      const head = [0x0a]
      let left = bytes.length
      for (; left > 127; left = Math.floor(left / 128)) head.push((left % 128) + 128)
      return [Uint8Array.from([...head, left]), bytes]
    }),
  )

describe('chain/localnet/server: reflection and health', function () {
  this.timeout(60_000)
  let chain: TestChain
  let address: string
  const clients: grpc.Client[] = []
  before(async () => {
    chain = await TestChain.start({ sample: false })
    address = new URL(chain.localnet.url).host
  })
  after(async () => {
    for (const client of clients) client.close()
    await chain?.close()
  })

  /** A client out of descriptors alone. */
  const clientOf = (files: readonly Uint8Array[], service: string) => {
    const definition = loadFileDescriptorSetFromBuffer(setOf(files), {
      keepCase: true,
      longs: String,
      enums: String,
    })
    const Client = grpc.makeGenericClientConstructor(definition[service] as ServiceDefinition, service)
    const client = new Client(address, grpc.credentials.createInsecure())
    clients.push(client)
    return client as grpc.Client &
      Record<string, (...args: unknown[]) => grpc.ClientDuplexStream<object, object>>
  }

  /** Asks over the wire, as grpcurl does. */
  const ask = async (version: (typeof versions)[number], ...requests: object[]) => {
    const own = [...describeServices([reflectionOf(version)]).files.values()].map(({ bytes }) => bytes)
    const stream = clientOf(own, `${version}.ServerReflection`).ServerReflectionInfo!()
    const answers: Record<string, never>[] = []
    stream.on('data', answer => answers.push(answer))
    for (const request of requests) stream.write(request)
    stream.end()
    await once(stream, 'end')
    return answers as unknown as {
      list_services_response?: { service: { name: string }[] }
      file_descriptor_response?: { file_descriptor_proto: Uint8Array[] }
      error_response?: { error_code: number }
    }[]
  }

  for (const version of versions)
    it(`${version}: a client that knows nothing beforehand learns to call`, async () => {
      const [services, file, byName, unknown, extension] = await ask(
        version,
        { list_services: '*' },
        { file_containing_symbol: 'sui.rpc.v2.LedgerService' },
        { file_by_filename: 'sui/rpc/v2.proto' },
        { file_containing_symbol: 'sui.rpc.v2.Nothing' },
        { all_extension_numbers_of_type: 'sui.rpc.v2.Object' },
      )
      const names = services!.list_services_response!.service.map(({ name }) => name)
      for (const name of ['sui.rpc.v2.LedgerService', 'grpc.health.v1.Health', `${version}.ServerReflection`])
        assert.ok(names.includes(name), name)
      const files = file!.file_descriptor_response!.file_descriptor_proto
      assert.deepEqual(byName!.file_descriptor_response!.file_descriptor_proto, files)
      assert.deepEqual([unknown!.error_response?.error_code, extension!.error_response?.error_code], [5, 5])

      const ledger = clientOf(files, 'sui.rpc.v2.LedgerService')
      const reply = await new Promise<{ object: { object_id: string; owner: { kind: string } } }>(
        (resolve, reject) =>
          ledger.GetObject!(
            { object_id: '0x6', read_mask: { paths: ['object_id', 'owner'] } },
            (error: Error | null, value: never) => (error ? reject(error) : resolve(value)),
          ),
      )
      assert.deepEqual(
        [reply.object.object_id, reply.object.owner.kind],
        [`0x${'6'.padStart(64, '0')}`, 'SHARED'],
      )
    })

  it('describes every field as the generated code has it', () => {
    const { files } = describeServices([GrpcTypes.TransactionExecutionService as never])
    const definition = loadFileDescriptorSetFromBuffer(setOf([...files.values()].map(({ bytes }) => bytes)), {
      longs: BigInt as never,
      bytes: Uint8Array as never,
    })
    const method = (definition['sui.rpc.v2.TransactionExecutionService'] as ServiceDefinition)
      .SimulateTransaction!
    const request = GrpcTypes.SimulateTransactionRequest.create({
      transaction: {
        sender: '0x1',
        gasPayment: { objects: [{ objectId: '0x2', version: 7n }], price: 1000n },
        expiration: { kind: 2, epoch: 3n },
      },
      doGasSelection: true,
      readMask: { paths: ['transaction', 'command_outputs'] },
    })
    const bytes = GrpcTypes.SimulateTransactionRequest.toBinary(request)
    assert.deepEqual(
      method.requestSerialize(method.requestDeserialize(Buffer.from(bytes))),
      Buffer.from(bytes),
    )
  })

  it('tells health: the server, its services, others that it does not know', async () => {
    const health = clientOf(
      [...describeServices([HealthService]).files.values()].map(({ bytes }) => bytes),
      'grpc.health.v1.Health',
    )
    const check = (service: string) =>
      new Promise<{ status: string }>((resolve, reject) =>
        health.Check!({ service }, (error: Error | null, value: never) =>
          error ? reject(error) : resolve(value),
        ),
      )
    assert.deepEqual(await check(''), { status: 'SERVING' })
    assert.deepEqual(await check('sui.rpc.v2.LedgerService'), { status: 'SERVING' })
    await assert.rejects(check('some.Thing'), { code: grpc.status.NOT_FOUND })
    const watch = health.Watch!({ service: 'some.Thing' })
    try {
      const [first] = (await once(watch, 'data')) as [{ status: string }]
      assert.equal(first.status, 'SERVICE_UNKNOWN')
    } finally {
      watch.on('error', () => undefined)
      watch.cancel()
    }
  })

  it('tells those who watch when health changes', async () => {
    const health = new Health()
    const service = healthService(health, () => ['a'])
    const abort = new AbortController()
    const call = { signal: abort.signal } as Parameters<typeof service.watch>[1]
    const seen: number[] = []
    const watching = (async () => {
      for await (const { status } of service.watch({ service: 'a' }, call)) {
        seen.push(status)
        if (seen.length === 1) health.set({ code: 'DISK_FULL', message: '' })
        else if (seen.length === 2) setImmediate(() => health.set(undefined))
        else abort.abort()
      }
    })()
    await assert.rejects(watching, { name: 'AbortError' })
    assert.deepEqual(seen, [1, 2, 1])
  })
})
