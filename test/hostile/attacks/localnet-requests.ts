import { request } from 'node:http'
import type { Attack, AttackContext } from '../attack.ts'
import { bytesField } from '../support/protobuf.ts'
import { repeat } from '../support/repeat.ts'

const text = (value: string) => Buffer.from(value)
const mask = (path: string) => bytesField(1, text(path))
const deepType = `${'vector<'.repeat(5_000)}u8${'>'.repeat(5_000)}`

/** A transaction of one call, whose one type argument is vectors of vectors. */
const nestedTransaction = Buffer.concat([
  Uint8Array.of(0, 0, 0, 1, 0),
  Buffer.alloc(32, 2),
  Uint8Array.of(1, 97, 1, 98, 1),
  Buffer.alloc(100_000, 6),
])

/** Small to send, and much to read for a server that reads before it counts. */
const requests: readonly [path: string, message: Uint8Array][] = [
  [
    'LedgerService/GetObject',
    Buffer.concat([bytesField(1, text('0x2')), bytesField(3, mask('a.'.repeat(100_000)))]),
  ],
  [
    'LedgerService/BatchGetObjects',
    Buffer.concat(Array(20_000).fill(bytesField(1, bytesField(1, text('0x2'))))),
  ],
  [
    'LedgerService/BatchGetObjects',
    Buffer.concat([
      ...Array(1_000).fill(bytesField(1, bytesField(1, text('0x2')))),
      bytesField(2, mask('*')),
    ]),
  ],
  ['StateService/GetBalance', Buffer.concat([bytesField(1, text('0x2')), bytesField(2, text(deepType))])],
  [
    'TransactionExecutionService/SimulateTransaction',
    bytesField(1, bytesField(1, bytesField(2, nestedTransaction))),
  ],
  // groups within groups
  ['LedgerService/GetObject', Buffer.alloc(200_000, (15 << 3) | 3)],
]

export const attack: Attack = {
  about:
    "asks the embedded Sui for masks, types and batches that nest deep or hold much, a megabyte's work in a few bytes",
  refused: ['localnet.depth', 'localnet.size'],
  async run(context) {
    return await repeat({ signal: context.signal, parallel: 16, most: 5_000 }, async i => {
      const [path, message] = requests[i % requests.length]!
      await post(context, path, message)
    })
  },
}

function post({ target, from, signal }: AttackContext, path: string, message: Uint8Array): Promise<void> {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return new Promise((resolve, reject) => {
    const outgoing = request(`${target.rpcUrl}/sui.rpc.v2.${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto' },
      localAddress: from,
      agent: false,
      signal,
    })
    outgoing.on('error', reject)
    outgoing.on('response', incoming => incoming.resume().on('end', resolve).on('error', reject))
    outgoing.end(Buffer.concat([head, message]))
  })
}
