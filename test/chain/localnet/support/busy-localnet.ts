/** A localnet that executes until it is killed, and prints the digest of every transaction that was answered. */
import { startLocalnet } from '../../../../chain/localnet/index.ts'

const [dir] = process.argv.slice(2)
const localnet = await startLocalnet({ dir })
const work = async (lane: number) => {
  for (let i = 1; ; i++) {
    const { digest } = await localnet.faucet(`0x${lane}${i.toString(16)}`)
    process.stdout.write(`${digest}\n`)
  }
}
await Promise.all([work(1), work(2), work(3)])
