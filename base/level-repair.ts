import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Level's own repair of a database that nobody has open, in a process apart: on a table whose keys are damaged it ends its
 * process. False when it could not do it; the folder then holds what it left.
 */
export async function repairLevel(path: string): Promise<boolean> {
  const script = `
    import { ClassicLevel } from ${JSON.stringify(import.meta.resolve('classic-level'))}
    await ClassicLevel.repair(process.argv[1])
    // what it made can be opened, and put in order, too
    const level = new ClassicLevel(process.argv[1])
    await level.open()
    await level.compactRange('', '\\uffff')
    await level.close()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: 'ignore' })
  const [code] = await once(child, 'close')
  return code === 0
}
