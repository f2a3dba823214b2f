/**
 * A storage node that keeps 10^4 and 10^5 small blobs, or `--blobs`: how long until it serves, what the beginning of an epoch costs it,
 * what it takes of memory and disk, and how fast small blobs are read and written. It has 8 of 100 shards. Each store is filled and
 * measured in processes of their own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { temporaryFolder } from '../support/temporary.ts'
import type { BenchOptions } from './main.ts'
import type { Row } from './report/row.ts'

export async function run({ quick, blobs, report }: BenchOptions): Promise<void> {
  for (const count of blobs !== undefined ? [blobs] : quick ? [100, 1_000] : [10_000, 100_000]) {
    const folder = await temporaryFolder()
    try {
      await does(folder.path, 'fill', count)
      for (const part of ['run', 'work'])
        report({ of: { blobs: count, part }, took: (await does(folder.path, part, count))! })
    } finally {
      await folder.remove()
    }
  }
}

async function does(folder: string, phase: string, count: number): Promise<Row['took'] | undefined> {
  const child = fork(join(import.meta.dirname, 'scale', 'node.ts'), [folder, phase, String(count)])
  let took: Row['took'] | undefined
  child.on('message', told => {
    took = told as Row['took']
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${phase} of ${count} blobs has failed`)
  return took
}
