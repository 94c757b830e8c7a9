# install.mk - make install, uninstall, deb. Part of the Makefile.
#
#     make install PREFIX=/usr/local       as root
#     make install DESTDIR=/tmp/x PREFIX=/usr
#
# A configuration that is there already is left as it is; uninstall leaves
# configuration, databases and logs.

PREFIX         ?= /usr/local
sbindir        ?= $(PREFIX)/sbin
mandir         ?= $(PREFIX)/share/man
docdir         ?= $(PREFIX)/share/doc/fivefold
# Of the machine, wherever the programs are.
sysconfdir     ?= /etc
localstatedir  ?= /var
logrotatedir   ?= $(sysconfdir)/logrotate.d
# systemd looks into both /usr/lib and /usr/local/lib.
unitdir        ?= $(PREFIX)/lib/systemd/system
sysusersdir    ?= $(PREFIX)/lib/sysusers.d
tmpfilesdir    ?= $(PREFIX)/lib/tmpfiles.d

OPERATE        := docs/operate
HIGHEST        := $(lastword $(NUMBERS))
version_of      = $(shell sed -n 's/.*$(1) *"\(.*\)".*/\1/p' common/base/version.h)
# What is installed is made for its place: @sbindir@ and the like.
fill            = sed -e 's|@sbindir@|$(sbindir)|g' -e 's|@sysconfdir@|$(sysconfdir)|g' \
                    -e 's|@localstatedir@|$(localstatedir)|g' -e 's|@docdir@|$(docdir)|g' \
                    -e 's|@date@|$(call version_of,FIVEFOLD_DATE)|g'
# $(call put,MODE,WHERE): standard input into a file.
put             = install -D -m $(1) /dev/stdin '$(DESTDIR)$(2)'
config         := $(sysconfdir)/fivefold/fivefold.ini
INSTALLED       = $(NUMBERS:%=$(sbindir)/fivefold-%) $(sbindir)/fivefold \
                  $(mandir)/man8/fivefold.8 $(mandir)/man5/fivefold.ini.5 \
                  $(docdir)/examples/fivefold.ini $(docdir)/operations.md $(docdir)/copyright \
                  $(unitdir)/fivefold.service $(unitdir)/fivefold.socket \
                  $(sysusersdir)/fivefold.conf $(tmpfilesdir)/fivefold.conf \
                  $(logrotatedir)/fivefold

install: $(BINARIES) ## into PREFIX=/usr/local, with man pages and service (as root)
	@for n in $(NUMBERS); do install -D -m 755 $(BUILD)/fivefold-$$n \
	  '$(DESTDIR)$(sbindir)'/fivefold-$$n || exit 1; done
	@ln -sf fivefold-$(HIGHEST) '$(DESTDIR)$(sbindir)/fivefold'
	@$(fill) $(OPERATE)/fivefold.8.in | $(call put,644,$(mandir)/man8/fivefold.8)
	@$(BUILD)/fivefold-$(HIGHEST) --man | $(fill) | $(call put,644,$(mandir)/man5/fivefold.ini.5)
	@$(BUILD)/fivefold-$(HIGHEST) --example | $(call put,644,$(docdir)/examples/fivefold.ini)
	@install -D -m 644 docs/operations.md '$(DESTDIR)$(docdir)/operations.md'
	@install -D -m 644 LICENSE '$(DESTDIR)$(docdir)/copyright'
	@$(fill) $(OPERATE)/fivefold.service.in | $(call put,644,$(unitdir)/fivefold.service)
	@install -D -m 644 $(OPERATE)/fivefold.socket '$(DESTDIR)$(unitdir)/fivefold.socket'
	@$(fill) $(OPERATE)/fivefold.sysusers.in | $(call put,644,$(sysusersdir)/fivefold.conf)
	@$(fill) $(OPERATE)/fivefold.tmpfiles.in | $(call put,644,$(tmpfilesdir)/fivefold.conf)
	@$(fill) $(OPERATE)/fivefold.logrotate.in | $(call put,644,$(logrotatedir)/fivefold)
	@[ -e '$(DESTDIR)$(config)' ] || $(fill) $(OPERATE)/fivefold.ini.in | $(call put,640,$(config))
	@[ -n '$(DESTDIR)' ] || { echo 'install: to have it run as a service:'; \
	  echo '    systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload'; \
	  echo '    chgrp fivefold $(config) && systemctl enable --now fivefold'; }

uninstall: ## remove what make install installed; configuration and data stay
	@rm -f $(INSTALLED:%='$(DESTDIR)%')
	@cd '$(DESTDIR)/' && rmdir -p --ignore-fail-on-non-empty \
	  $(patsubst /%,%,$(docdir)/examples) 2>/dev/null || true
	@echo 'uninstall: left as they are: $(config), $(localstatedir)/lib/fivefold,' \
	  '$(localstatedir)/log/fivefold, user fivefold'

# The same programs, made as Debian makes them.
deb: ## a Debian package: build/fivefold_VERSION_ARCH.deb
	@MAKE='$(MAKE)' BUILD='$(BUILD)' VERSION='$(call version_of,FIVEFOLD_VERSION)' \
	  $(OPERATE)/deb.sh

install-check: ## install, run under systemd, upgrade, remove: in a throw-away root
	@MAKE='$(MAKE)' BUILD='$(BUILD)' tests/install/run.sh

.PHONY: deb install install-check uninstall
