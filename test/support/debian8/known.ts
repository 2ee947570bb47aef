// All keywords of programs of Debian 8 that have few: a keyword that is not here is newer, or does not exist.

const list = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Settings of every program that a unit starts. */
const execution = `
	AppArmorProfile BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight BlockIOWriteBandwidth
	Capabilities CapabilityBoundingSet CPUAccounting CPUAffinity CPUQuota CPUSchedulingPolicy CPUSchedulingPriority
	CPUSchedulingResetOnFork CPUShares DeviceAllow DevicePolicy Environment EnvironmentFile Group IgnoreSIGPIPE
	InaccessibleDirectories IOSchedulingClass IOSchedulingPriority KillMode KillSignal LimitAS LimitCORE LimitCPU
	LimitDATA LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC LimitRSS LimitRTPRIO
	LimitRTTIME LimitSIGPENDING LimitSTACK MemoryAccounting MemoryLimit MountFlags Nice NoNewPrivileges OOMScoreAdjust
	PAMName Personality PrivateDevices PrivateNetwork PrivateTmp ProtectHome ProtectSystem ReadOnlyDirectories
	ReadWriteDirectories RestrictAddressFamilies RootDirectory RuntimeDirectory RuntimeDirectoryMode SecureBits
	SELinuxContext SendSIGHUP SendSIGKILL Slice StandardError StandardInput StandardOutput StartupBlockIOWeight
	StartupCPUShares SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel SyslogLevelPrefix
	SystemCallArchitectures SystemCallErrorNumber SystemCallFilter TimerSlackNSec TTYPath TTYReset TTYVHangup
	TTYVTDisallocate UMask User UtmpIdentifier WorkingDirectory`;

/** Settings of systemd 215 by section. From src/core/load-fragment-gperf.gperf.m4 and systemd.unit(5) of that release. */
export const unitSettings: Readonly<Record<string, ReadonlySet<string>>> = {
	Unit: list(`
		After AllowIsolate Before BindsTo ConditionACPower ConditionArchitecture ConditionCapability
		ConditionDirectoryNotEmpty ConditionFileIsExecutable ConditionFileNotEmpty ConditionHost
		ConditionKernelCommandLine ConditionNeedsUpdate ConditionNull ConditionPathExists ConditionPathExistsGlob
		ConditionPathIsDirectory ConditionPathIsMountPoint ConditionPathIsReadWrite ConditionPathIsSymbolicLink
		ConditionSecurity ConditionVirtualization Conflicts DefaultDependencies Description Documentation
		IgnoreOnIsolate IgnoreOnSnapshot JobTimeoutSec JoinsNamespaceOf OnFailure OnFailureJobMode PartOf
		PropagatesReloadTo RefuseManualStart RefuseManualStop ReloadPropagatedFrom Requires RequiresMountsFor
		RequiresOverridable Requisite RequisiteOverridable SourcePath StopWhenUnneeded Wants`),
	Install: list('Alias Also DefaultInstance RequiredBy WantedBy'),
	Service: list(`
		${execution} BusName ExecReload ExecStart ExecStartPost ExecStartPre ExecStop ExecStopPost FailureAction
		GuessMainPID NonBlocking NotifyAccess PermissionsStartOnly PIDFile RebootArgument RemainAfterExit Restart
		RestartForceExitStatus RestartPreventExitStatus RestartSec RootDirectoryStartOnly Sockets StartLimitAction
		StartLimitBurst StartLimitInterval SuccessExitStatus TimeoutSec TimeoutStartSec TimeoutStopSec Type
		WatchdogSec`),
	Timer: list(`
		AccuracySec OnActiveSec OnBootSec OnCalendar OnStartupSec OnUnitActiveSec OnUnitInactiveSec Persistent Unit
		WakeSystem`),
	// From src/journal/journald-gperf.gperf and src/login/logind-gperf.gperf.
	Journal: list(`
		Storage Compress Seal SyncIntervalSec RateLimitInterval RateLimitBurst SystemMaxUse SystemKeepFree
		SystemMaxFileSize RuntimeMaxUse RuntimeKeepFree RuntimeMaxFileSize MaxRetentionSec MaxFileSec ForwardToSyslog
		ForwardToKMsg ForwardToConsole ForwardToWall TTYPath MaxLevelStore MaxLevelSyslog MaxLevelKMsg
		MaxLevelConsole MaxLevelWall SplitMode`),
	Login: list(`
		NAutoVTs ReserveVT KillUserProcesses KillOnlyUsers KillExcludeUsers InhibitDelayMaxSec HandlePowerKey
		HandleSuspendKey HandleHibernateKey HandleLidSwitch PowerKeyIgnoreInhibited SuspendKeyIgnoreInhibited
		HibernateKeyIgnoreInhibited LidSwitchIgnoreInhibited IdleAction IdleActionSec RuntimeDirectorySize RemoveIPC`),
	Path: list(`
		DirectoryMode DirectoryNotEmpty MakeDirectory PathChanged PathExists PathExistsGlob PathModified Unit`),
};

/** Top-level keys of cloud-config in cloud-init 0.7.6. From the modules in its source, cloudinit/config. */
export const cloudConfigKeys = list(`
	apt_mirror apt_pipelining apt_preserve_sources_list apt_proxy apt_sources bootcmd ca-certs chef chpasswd datasource
	datasource_list device_aliases disable_root disk_setup final_message fqdn fs_setup groups growpart hostname
	locale manage_etc_hosts manage_resolv_conf mcollective mounts no_ssh_fingerprints output package_reboot_if_required
	package_update package_upgrade packages password phone_home power_state preserve_hostname puppet random_seed
	resize_rootfs resolv_conf rsyslog runcmd salt_minion ssh_authorized_keys ssh_deletekeys ssh_genkeytypes
	ssh_import_id ssh_keys ssh_pwauth ssh_svcname swap system_info timezone user users write_files yum_repos`);

/** Keys of an entry of write_files, from the same. */
export const writtenFileKeys = list('content encoding owner path permissions');

/**
 * Words of keepalived.conf that keepalived 1.2.13 knows, but for load balancing and mail. From
 * keepalived/vrrp/vrrp_parser.c and keepalived/core/global_parser.c of that release.
 */
export const keepalivedWords = list(`
	advert_int auth_pass auth_type authentication debug dont_track_primary enable_traps fall garp_master_delay
	garp_master_refresh global_defs global_tracking group interface interval linkbeat_use_polling
	lvs_sync_daemon_interface mcast_src_ip native_ipv6 nopreempt notify notify_backup notify_fault notify_master
	notify_stop preempt preempt_delay priority rise router_id script state static_ipaddress static_routes timeout
	track_interface track_script unicast_peer unicast_src_ip use_vmac virtual_ipaddress virtual_ipaddress_excluded
	virtual_router_id virtual_routes vmac_xmit_base vrrp_instance vrrp_mcast_group4 vrrp_mcast_group6 vrrp_script
	vrrp_sync_group weight`);
