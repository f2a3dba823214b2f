/** Once its standard input ends, starts a node for which there is no file descriptor left, and says how that ends. */
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { createProcessNode } from '../../../node/devnet/process-node.ts'

const node = createProcessNode({
  name: '03',
  nodeId: parseObjectId('0x3'),
  orders: { dir: 'none', logLevel: 'info', driveEpochs: true },
  clock: systemClock,
  random: () => 0,
  log: silentLog(),
})
process.stdout.write('0\n')
await once(process.stdin.resume(), 'end')
const taken: number[] = []
try {
  for (;;) taken.push(openSync('/dev/null', 'r'))
} catch {
  // none is left
}
const end = await node.start().catch((error: Error & { code: string }) => `${error.code} ${error.message}`)
for (const descriptor of taken) closeSync(descriptor)
process.stdout.write(`${end}\n`)
await node.stop()
