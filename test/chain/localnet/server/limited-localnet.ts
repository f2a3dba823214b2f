/** A localnet in a process of its own. Says its port in a line, then what limits refuse; ends when its standard input does. */
import { startLocalnet } from '../../../../chain/localnet/index.ts'

const localnet = await startLocalnet({ onRefused: reason => process.stdout.write(`${reason}\n`) })
process.stdout.write(`${new URL(localnet.url).port}\n`)
process.stdin.resume().once('end', () => localnet.close())
