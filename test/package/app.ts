import { execFile } from 'node:child_process'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const MAX_OUTPUT_BYTES = 16 * 2 ** 20
export const root = join(import.meta.dirname, '..', '..')

/**
 * What npm tells its scripts would make another npm take this project for its own; where packages come from stays. Nor do its users
 * have this project's cache.
 */
export function cleanEnv(): NodeJS.ProcessEnv {
  const kept =
    /^npm_config_(registry|userconfig|globalconfig|cache|offline|proxy|https_proxy|noproxy|cafile)$/i
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_|NODE_COMPILE_CACHE$)/i.test(name) || kept.test(name),
    ),
  )
}

/** An app in an empty folder, with the package as npm packs it. */
export interface App {
  path: string
  tarball: string
  /** Runs a program there; rejects with what it wrote when it fails. */
  run(command: string, args: readonly string[]): Promise<string>
}

/** Packs this project and installs it in `folder`, as its users do. */
export async function installApp(folder: string): Promise<App> {
  const path = join(folder, 'app')
  const start = (cwd: string) => async (command: string, args: readonly string[]) => {
    const options = { cwd, env: cleanEnv(), timeout: 100_000, maxBuffer: MAX_OUTPUT_BYTES }
    try {
      return (await run(command, args, options)).stdout
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string }
      throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
    }
  }
  await start(root)('npm', ['pack', '--silent', '--pack-destination', folder])
  const tarball = (await readdir(folder)).find(name => name.endsWith('.tgz'))!
  await mkdir(path)
  await writeFile(join(path, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  const quick = ['--prefer-offline', '--no-audit', '--no-fund']
  await start(path)('npm', ['install', '--silent', `../${tarball}`, ...quick])
  return { path, tarball: join(folder, tarball), run: start(path) }
}

/** Lets an app use a package of this project's, instead of installing it once more. */
export async function lend({ path }: App, ...names: string[]): Promise<void> {
  for (const name of names) {
    const link = join(path, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link)
  }
}
