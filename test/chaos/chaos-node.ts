/** A devnet's storage node that kills itself and loses links where a test wants it to. */
import { obeyCuts } from './links.ts'

const { dir } = JSON.parse(process.argv[2]!) as { dir: string }
obeyCuts(dir)
await import('../e2e/support/mortal-node.ts')
