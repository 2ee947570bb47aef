import { print } from '../base/say.ts';
import { type CommandEntry, defineCommand } from './command.ts';

const script = (program: string) => `# Completion of ${program} for bash and zsh:
#   source <(${program} completion)
if [ -n "\${ZSH_VERSION-}" ]; then autoload -U +X bashcompinit && bashcompinit; fi
_${program}() {
    local IFS=$'\\n'
    COMPREPLY=($(${program} --complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _${program} ${program}`;

/** The command that prints the completion script. */
export const completionEntry = (program: string): CommandEntry => ({
	name: 'completion',
	describe: 'Print a completion script for bash or zsh',
	load: async () => ({
		command: defineCommand({
			examples: [[`completion > /etc/bash_completion.d/${program}`, 'Install it for every user of bash']],
			run: async () => print(script(program)),
		}),
	}),
});
